using Bogus;
using Bogus.DataSets;

namespace Zava.Seeder.SampleData;

static class CustomerGenerator
{
    static readonly string[] Genders = ["Male", "Female", "Other", "Prefer not to say"];

    /// <param name="categories">The top-level ones, of which each customer has a favourite.</param>
    public static List<Customer> Generate(Store store, int count, IReadOnlyList<string> categories, SeedOptions options)
    {
        var random = new SampleRandom(options.Seed, store.Id, "customers");
        var name = new Name("en") { Random = new Randomizer(SampleRandom.StableHash($"{options.Seed}/{store.Id}/names")) };
        return [.. Enumerable.Range(1, count).Select(number =>
        {
            var gender = random.Pick(Genders);
            Name.Gender? nameGender = gender switch { "Male" => Name.Gender.Male, "Female" => Name.Gender.Female, _ => null };
            var (first, last) = (name.FirstName(nameGender), name.LastName(nameGender));
            var mailbox = new string([.. $"{first}.{last}".ToLowerInvariant().Where(c => char.IsAsciiLetter(c) || c is '.')]);
            return new Customer(
                random.NextUuid(), first, last,
                // example.com (RFC 2606) and 555-01xx belong to nobody.
                $"{mailbox}{number}@example.com", $"({random.Pick<string>(["206", "425", "253"])}) 555-01{random.Between(0, 99):00}",
                options.AsOf.AddDays(-random.Between(18 * 366, 80 * 365)), gender,
                // The first has been there from the start, so that every sale finds somebody.
                options.AsOf.AddDays(-(number == 1 ? 5 * 365 : random.Between(0, 5 * 365))))
            {
                Activity = Activity(random.Source.NextDouble()),
                Favorite = random.Pick(categories),
            };
        })];
    }

    // One in ten comes twenty times as often as half of the others. No logarithm: its last digit differs between machines.
    static double Activity(double luck) => 1 / ((.15 + luck) * (.15 + luck));

    /// <summary>Tiers follow spending: of a store's customers the top 5 % are platinum, the next 15 % gold, the next 30 % silver.</summary>
    public static void AssignLoyalty(IReadOnlyList<Customer> customers)
    {
        var rank = 0;
        foreach (var customer in customers.OrderByDescending(c => c.LifetimeValue).ThenBy(c => c.Id))
            customer.LoyaltyTier = ((double)rank++ / customers.Count) switch
            {
                < .05 => "platinum",
                < .20 => "gold",
                < .50 => "silver",
                _ => "bronze",
            };
    }
}
