using Microsoft.Extensions.AI;
using Pgvector;
using Zava.Embeddings;

namespace Zava.EmbeddingWorker;

/// <summary>
/// Embeds texts of which one may be poison: a request that the provider refuses is split in halves until the texts that it
/// refuses stand alone, and a vector that is none costs its own text only.
/// </summary>
sealed class TextEmbedder(ProviderClient client, EmbeddingModel model, int requestCharacters)
{
    // Harmless to any model, so that who refuses it refuses everything.
    static readonly string[] Probe = ["A coffee mug."];

    /// <summary>What became of texts, in their order: for each a vector, a reason to refuse it, or neither when the provider went down before.</summary>
    public sealed record Result(HalfVector?[] Vectors, string?[] Refusals, long Tokens, string? Down);

    /// <summary>As many of the first texts as go into one request.</summary>
    public int Fitting(IEnumerable<string> texts)
    {
        var (count, characters) = (0, 0);
        foreach (var text in texts)
        {
            if (count > 0 && characters + text.Length > requestCharacters)
                break;
            (count, characters) = (count + 1, characters + text.Length);
        }
        return count;
    }

    public async Task<Result> EmbedAsync(IReadOnlyList<string> texts, CancellationToken cancellationToken)
    {
        var (vectors, refusals, tokens) = (new HalfVector?[texts.Count], new string?[texts.Count], 0L);
        try
        {
            await PartAsync(0, texts.Count);
            // That one text is refused says something about the text only if the provider takes another.
            if (refusals.Any(refusal => refusal is not null) && vectors.All(vector => vector is null) && await RefusesProbeAsync(cancellationToken) is { } reason)
                return new(vectors, new string?[texts.Count], tokens, reason);
            return new(vectors, refusals, tokens, Down: null);
        }
        catch (Exception down) when (ProviderFault.IsOfProvider(down) && !cancellationToken.IsCancellationRequested)
        {
            // Nor is it known then what the refusals so far were about.
            return new(vectors, vectors.Any(vector => vector is not null) ? refusals : new string?[texts.Count], tokens, ProviderFault.Describe(down));
        }

        async Task PartAsync(int from, int count)
        {
            GeneratedEmbeddings<Embedding<float>> embeddings;
            try
            {
                embeddings = await client.RequestAsync([.. texts.Skip(from).Take(count)], cancellationToken);
            }
            catch (Exception refused) when (!ProviderFault.IsOfProvider(refused))
            {
                if (count == 1)
                {
                    refusals[from] = ProviderFault.Describe(refused);
                    return;
                }
                await PartAsync(from, count / 2);
                await PartAsync(from + count / 2, count - count / 2);
                return;
            }
            tokens += embeddings.Usage?.InputTokenCount ?? 0;
            for (var index = 0; index < count; index++)
                (vectors[from + index], refusals[from + index]) = VectorCheck.Read(embeddings[index].Vector.Span, model);
        }
    }

    async Task<string?> RefusesProbeAsync(CancellationToken cancellationToken)
    {
        try
        {
            return VectorCheck.Read((await client.RequestAsync(Probe, cancellationToken))[0].Vector.Span, model).Problem;
        }
        catch (Exception refused) when (!ProviderFault.IsOfProvider(refused))
        {
            return ProviderFault.Describe(refused);
        }
    }
}
