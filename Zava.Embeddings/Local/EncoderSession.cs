using Microsoft.ML.OnnxRuntime;

namespace Zava.Embeddings;

/// <summary>Universal Sentence Encoder Lite in ONNX Runtime: pieces in, unit vectors out. Thread-safe.</summary>
sealed class EncoderSession(string path, int threads) : IDisposable
{
    public const int Dimensions = 512;

    const long Padding = -1;
    static readonly string[] Inputs = ["pieces"];
    static readonly string[] Outputs = ["embedding"];

    readonly RunOptions _run = new();
    readonly InferenceSession _session = Open(path, threads);

    // Freeing the model under a running batch would abort the whole process, so Dispose waits for those under way.
    readonly ReaderWriterLockSlim _inUse = new();
    bool _disposed;

    /// <param name="texts">The pieces of each text.</param>
    /// <returns>
    /// One vector of <see cref="Dimensions"/> numbers and length 1 for each text, in the same order.
    /// </returns>
    /// <exception cref="ObjectDisposedException">The session has been disposed.</exception>
    public float[][] Embed(IReadOnlyList<IReadOnlyList<int>> texts)
    {
        _inUse.EnterReadLock();
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return Run(texts);
        }
        finally
        {
            _inUse.ExitReadLock();
        }
    }

    /// <summary>Frees the model's memory once the batches under way are done.</summary>
    public void Dispose()
    {
        _inUse.EnterWriteLock();
        try
        {
            if (_disposed)
                return;
            _disposed = true;
            _session.Dispose();
            _run.Dispose();
        }
        finally
        {
            _inUse.ExitWriteLock();
        }
    }

    float[][] Run(IReadOnlyList<IReadOnlyList<int>> texts)
    {
        // A text without pieces still needs one column, of padding.
        var width = Math.Max(1, texts.Max(text => text.Count));
        var pieces = new long[texts.Count * width];
        Array.Fill(pieces, Padding);
        for (var row = 0; row < texts.Count; row++)
        {
            for (var column = 0; column < texts[row].Count; column++)
            {
                pieces[row * width + column] = texts[row][column];
            }
        }

        using var input = OrtValue.CreateTensorValueFromMemory(pieces, [texts.Count, width]);
        using var output = _session.Run(_run, Inputs, [input], Outputs);
        var vectors = output[0].GetTensorDataAsSpan<float>();

        var result = new float[texts.Count][];
        for (var row = 0; row < result.Length; row++)
        {
            result[row] = vectors.Slice(row * Dimensions, Dimensions).ToArray();
        }

        return result;
    }

    static InferenceSession Open(string path, int threads)
    {
        using var options = new SessionOptions { IntraOpNumThreads = threads, InterOpNumThreads = 1 };
        // Idle workers that spin would take the processor from the database between two batches.
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        return new(path, options);
    }
}
