namespace Zava.Seeder;

/// <summary>What sample data to make. The same options make the same rows on any machine.</summary>
/// <param name="Scale">Multiple of 2,000 customers, 500 products and 5,000 transactions.</param>
/// <param name="Seed">Which of the possible shops.</param>
/// <param name="AsOf">Last day with transactions; they begin a year before.</param>
public sealed record SeedOptions(int Scale, int Seed, DateOnly AsOf)
{
    public const int DefaultSeed = 42;
}
