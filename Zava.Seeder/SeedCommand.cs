using System.CommandLine;
using System.Globalization;

namespace Zava.Seeder;

/// <summary>The seeder's command line, also understood by <c>./zava up</c>.</summary>
public static class SeedCommand
{
    /// <summary>What to do with the options once they are valid; returns the exit code.</summary>
    /// <param name="options"><c>null</c> with --no-sample-data.</param>
    /// <param name="asOfWasGiven">Whether --as-of was there; its default moves on every day.</param>
    /// <param name="cancellationToken">Ctrl-C or SIGTERM.</param>
    public delegate Task<int> Handler(SeedOptions? options, bool asOfWasGiven, CancellationToken cancellationToken);

    public static RootCommand Create(string description, Handler handler)
    {
        var scale = WholeNumber("--scale", "Multiple of 2,000 customers, 500 products and 5,000 transactions", 1, from: 1, to: 200);
        var seed = WholeNumber("--seed", "Same number, same data", SeedOptions.DefaultSeed, from: 0, to: int.MaxValue);
        var asOf = new Option<DateOnly?>("--as-of")
        {
            Description = "Last day with transactions, as 2026-01-31; the last day that is over everywhere when left out",
            CustomParser = result =>
            {
                if (DateOnly.TryParseExact(result.Tokens[0].Value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day)
                    && day.Year is >= 1990 and <= 2100)
                    return day;
                result.AddError($"--as-of must be a day such as 2026-01-31, from 1990 to 2100, not '{result.Tokens[0].Value}'.");
                return null;
            },
        };
        var none = new Option<bool>("--no-sample-data") { Description = "Only migrate: for a database of real data" };

        var command = new RootCommand(description) { scale, seed, asOf, none };
        command.SetAction((parsed, cancellationToken) =>
        {
            var given = parsed.GetValue(asOf);
            var options = new SeedOptions(
                parsed.GetValue(scale), parsed.GetValue(seed), given ?? LastDayOverEverywhere());
            return handler(parsed.GetValue(none) ? null : options, given is not null, cancellationToken);
        });
        return command;
    }

    static Option<int> WholeNumber(string name, string description, int otherwise, int from, int to) => new(name)
    {
        Description = $"{description}, {from} to {to}",
        DefaultValueFactory = _ => otherwise,
        CustomParser = result =>
        {
            if (int.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= from && number <= to)
                return number;
            result.AddError($"{name} must be a whole number from {from} to {to}, not '{result.Tokens[0].Value}'.");
            return otherwise;
        },
    };

    // No store's clock is further behind than UTC-12.
    static DateOnly LastDayOverEverywhere() => DateOnly.FromDateTime(DateTime.UtcNow.AddHours(-12)).AddDays(-1);
}
