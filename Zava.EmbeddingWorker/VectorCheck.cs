using Pgvector;
using Zava.Embeddings;

namespace Zava.EmbeddingWorker;

/// <summary>Whether numbers are a vector that can be compared with a model's others.</summary>
public static class VectorCheck
{
    /// <returns>The vector as it is stored, or what is wrong with it.</returns>
    public static (HalfVector? Vector, string? Problem) Read(ReadOnlySpan<float> numbers, EmbeddingModel model)
    {
        if (numbers.Length != model.Dimensions)
            return (null, $"the embedding provider returned {numbers.Length} dimensions; '{model.Name}' has {model.Dimensions}");
        var halves = new Half[numbers.Length];
        var isZero = true;
        for (var index = 0; index < halves.Length; index++)
        {
            halves[index] = (Half)numbers[index];
            isZero &= halves[index] == Half.Zero;
            if (!Half.IsFinite(halves[index]))
                return (null, "the embedding provider returned a vector with a number that is not finite");
        }
        // A zero vector has no cosine with anything.
        return isZero ? (null, "the embedding provider returned a vector of zeros") : (new HalfVector(halves), null);
    }
}
