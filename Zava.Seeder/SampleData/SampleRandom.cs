using System.Security.Cryptography;
using System.Text;

namespace Zava.Seeder.SampleData;

/// <summary>
/// Randomness that depends on the seed and on what it is for, and on nothing else: each store and each purpose has a
/// stream of its own, so that a change in one place moves nothing in another.
/// </summary>
/// <remarks>The algorithm of a seeded <see cref="Random"/> is fixed by .NET's compatibility promise.</remarks>
sealed class SampleRandom(int seed, params string[] purpose)
{
    public Random Source { get; } = new(StableHash($"{seed}/{string.Join('/', purpose)}"));

    public int Between(int min, int max) => Source.Next(min, max + 1);

    public decimal Between(decimal min, decimal max, int digits) =>
        decimal.Round(min + (max - min) * (decimal)Source.NextDouble(), digits);

    public bool Chance(double probability) => Source.NextDouble() < probability;

    public T Pick<T>(IReadOnlyList<T> items) => items[Source.Next(items.Count)];

    /// <summary>Picks by weight; weights need not add up to 1.</summary>
    public T Pick<T>(params ReadOnlySpan<(T Item, double Weight)> items)
    {
        var total = 0.0;
        foreach (var (_, weight) in items)
            total += weight;
        var at = Source.NextDouble() * total;
        foreach (var (item, weight) in items)
            if ((at -= weight) < 0)
                return item;
        return items[^1].Item;
    }

    public List<T> Shuffled<T>(IEnumerable<T> items)
    {
        T[] shuffled = [.. items];
        Source.Shuffle(shuffled);
        return [.. shuffled];
    }

    /// <summary>A version 4 UUID (RFC 9562).</summary>
    public Guid NextUuid()
    {
        Span<byte> bytes = stackalloc byte[16];
        Source.NextBytes(bytes);
        return ToUuid(bytes, version: 4);
    }

    /// <summary>The UUID of a name, version 8 (RFC 9562): a stream that begins with 31 bits would repeat one among some ten thousand.</summary>
    public static Guid StableUuid(int seed, params string[] name) => ToUuid(Hash($"{seed}/{string.Join('/', name)}").AsSpan(0, 16), version: 8);

    public static int StableHash(string text) => BitConverter.ToInt32(Hash(text)) & int.MaxValue;

    static Guid ToUuid(Span<byte> bytes, int version)
    {
        bytes[6] = (byte)(bytes[6] & 0x0F | version << 4);
        bytes[8] = (byte)(bytes[8] & 0x3F | 0x80);
        return new Guid(bytes, bigEndian: true);
    }

    static byte[] Hash(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));
}
