using Microsoft.Extensions.AI;

namespace Zava.Embeddings;

/// <summary>
/// Embeds English text on this machine, without a network: Universal Sentence Encoder Lite by Google (Apache-2.0),
/// converted to ONNX as <c>Models/universal-sentence-encoder-lite/README.md</c> tells.
/// </summary>
/// <remarks>
/// <para>
/// A vector has 512 dimensions and length 1, so the cosine of two texts is their dot product. Cosines are lower than
/// those of larger models: a query and the right product have about .4 to .7, a query and any other product about .2.
/// </para>
/// <para>
/// Case and white space do not matter; the model reads the first 128 SentencePiece pieces (about 95 English words) and
/// no further. A text with nothing to read, empty or only white space, gets the model's answer to no words at all: a
/// constant unit vector, never zeros or NaN, which have no cosine. It means nothing; do not search with it.
/// </para>
/// <para>Thread-safe. Loading takes a quarter of a second and about 80 MB, so share one instance.</para>
/// </remarks>
public sealed class UniversalSentenceEncoder : IEmbeddingGenerator<string, Embedding<float>>
{
    /// <summary>The model's name, in the metadata and on every embedding.</summary>
    public const string ModelId = "universal-sentence-encoder-lite";

    /// <summary>The length of every vector.</summary>
    public const int Dimensions = EncoderSession.Dimensions;

    readonly EmbeddingGeneratorMetadata _metadata = new("local", null, ModelId, Dimensions);
    readonly PieceTokenizer _tokenizer;
    readonly EncoderSession _session;
    volatile bool _disposed;

    /// <summary>Loads the model.</summary>
    /// <exception cref="FileNotFoundException">A file of the model is missing; the message names it.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="options"/> ask for no threads.</exception>
    /// <exception cref="InvalidOperationException">
    /// The process runs without Unicode data (InvariantGlobalization).
    /// </exception>
    public UniversalSentenceEncoder(UniversalSentenceEncoderOptions? options = null)
    {
        options ??= new();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Threads, 1);
        _tokenizer = PieceTokenizer.Load(Require(options.ModelDirectory, "tokenizer.model"));
        _session = new(Require(options.ModelDirectory, "model.onnx"), options.Threads);
    }

    /// <summary>Embeds texts of any length and number, in batches of bounded memory.</summary>
    /// <param name="values">The texts. None may be null.</param>
    /// <param name="options">May be omitted; may not ask for another model or another number of dimensions.</param>
    /// <param name="cancellationToken">Honoured between batches, that is within a fraction of a second.</param>
    /// <returns>One embedding for each text, in the order of the texts, and the number of pieces read.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="values"/> is null.</exception>
    /// <exception cref="ArgumentException">
    /// One of the texts is null, or <paramref name="options"/> ask for another model or other dimensions.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The encoder has been disposed.</exception>
    public Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values,
        EmbeddingGenerationOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentNullException.ThrowIfNull(values);
        RequireThisModel(options);
        string[] texts = [.. values];
        if (Array.IndexOf(texts, null) is var index and >= 0)
        {
            throw new ArgumentException($"Text {index} is null.", nameof(values));
        }

        // It is pure computation: on the caller's thread a web server would stand still until it is done.
        return Task.Run(() => Embed(texts, cancellationToken), cancellationToken);
    }

    /// <inheritdoc />
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(EmbeddingGeneratorMetadata) ? _metadata
            : serviceType.IsInstanceOfType(this) ? this
            : null;
    }

    /// <summary>Frees the model's memory. Calls that are under way end with <see cref="ObjectDisposedException"/> after their batch.</summary>
    public void Dispose()
    {
        _disposed = true;
        _session.Dispose();
    }

    GeneratedEmbeddings<Embedding<float>> Embed(string[] texts, CancellationToken cancellationToken)
    {
        var pieces = new IReadOnlyList<int>[texts.Length];
        for (var index = 0; index < texts.Length; index++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            pieces[index] = _tokenizer.Encode(texts[index]);
        }

        var embeddings = new Embedding<float>[texts.Length];
        foreach (var batch in PieceBatches.Of(pieces))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var vectors = _session.Embed([.. batch.Select(index => pieces[index])]);
            foreach (var (index, vector) in batch.Zip(vectors))
            {
                embeddings[index] = new(vector) { ModelId = ModelId };
            }
        }

        var read = pieces.Sum(text => (long)text.Count);
        return new(embeddings) { Usage = new() { InputTokenCount = read, TotalTokenCount = read } };
    }

    static void RequireThisModel(EmbeddingGenerationOptions? options)
    {
        if (options?.ModelId is { } model && model != ModelId)
        {
            throw new ArgumentException($"The local model is {ModelId}, not {model}.", nameof(options));
        }

        if (options?.Dimensions is { } dimensions && dimensions != Dimensions)
        {
            throw new ArgumentException($"{ModelId} has {Dimensions} dimensions, not {dimensions}.", nameof(options));
        }
    }

    static string Require(string directory, string file)
    {
        var path = Path.GetFullPath(Path.Combine(directory, file));
        return File.Exists(path)
            ? path
            : throw new FileNotFoundException(
                $"The local embedding model lacks {path}; eng/embedding-model writes it.", path);
    }
}
