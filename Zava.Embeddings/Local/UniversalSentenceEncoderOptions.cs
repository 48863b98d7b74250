namespace Zava.Embeddings;

/// <summary>
/// How a <see cref="UniversalSentenceEncoder"/> finds its files and how much of the machine it takes.
/// </summary>
public sealed class UniversalSentenceEncoderOptions
{
    /// <summary>
    /// The directory with <c>model.onnx</c> and <c>tokenizer.model</c>; by default the one that the build puts next
    /// to the application.
    /// </summary>
    public string ModelDirectory { get; init; } =
        // Files beside the application rather than embedded resources: ONNX Runtime reads the 14 MB straight from
        // disk instead of from a managed copy, and the licence lies next to the model in whatever is shipped.
        Path.Combine(AppContext.BaseDirectory, "Models", UniversalSentenceEncoder.ModelId);

    /// <summary>
    /// Threads that work on one batch, at least 1; by default every processor up to four, since the matrices of this
    /// model are too small to feed more. A waiting thread sleeps, so what is idle here is free for the database next
    /// door.
    /// </summary>
    public int Threads { get; init; } = Math.Clamp(Environment.ProcessorCount, 1, 4);
}
