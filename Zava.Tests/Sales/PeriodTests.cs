using System.Globalization;
using ModelContextProtocol;
using Zava.McpServer.Sales;

namespace Zava.Tests.Sales;

/// <summary>What the words and dates of a period stand for.</summary>
public sealed class PeriodTests
{
    static DateOnly Day(string iso) => DateOnly.ParseExact(iso, "yyyy-MM-dd", CultureInfo.InvariantCulture);

    [Theory]
    // A Sunday: the week began on Monday.
    [InlineData("today", "2026-03-08", "2026-03-08", "2026-03-08", "2026-03-07", "2026-03-07")]
    [InlineData("yesterday", "2026-03-01", "2026-02-28", "2026-02-28", "2026-02-27", "2026-02-27")]
    [InlineData("this_week", "2026-03-08", "2026-03-02", "2026-03-08", "2026-02-23", "2026-03-01")]
    [InlineData("this_week", "2026-03-04", "2026-03-02", "2026-03-04", "2026-02-23", "2026-02-25")]
    [InlineData("last_week", "2026-03-09", "2026-03-02", "2026-03-08", "2026-02-23", "2026-03-01")]
    [InlineData("this_month", "2026-03-31", "2026-03-01", "2026-03-31", "2026-01-29", "2026-02-28")]
    [InlineData("last_month", "2024-03-31", "2024-02-01", "2024-02-29", "2024-01-03", "2024-01-31")]
    [InlineData("last_month", "2026-01-15", "2025-12-01", "2025-12-31", "2025-10-31", "2025-11-30")]
    [InlineData("this_year", "2024-03-01", "2024-01-01", "2024-03-01", "2023-11-01", "2023-12-31")]
    [InlineData("last_year", "2025-02-28", "2024-01-01", "2024-12-31", "2022-12-31", "2023-12-31")]
    [InlineData("last_30_days", "2024-03-01", "2024-01-31", "2024-02-29", "2024-01-01", "2024-01-30")]
    [InlineData("last_1_days", "2024-03-01", "2024-02-29", "2024-02-29", "2024-02-28", "2024-02-28")]
    [InlineData("2024-02-29", "2026-01-01", "2024-02-29", "2024-02-29", "2024-02-28", "2024-02-28")]
    [InlineData("2024-02", "2026-01-01", "2024-02-01", "2024-02-29", "2024-01-03", "2024-01-31")]
    [InlineData("2024", "2026-01-01", "2024-01-01", "2024-12-31", "2022-12-31", "2023-12-31")]
    [InlineData("2026-03-01/2026-03-07", "2026-01-01", "2026-03-01", "2026-03-07", "2026-02-22", "2026-02-28")]
    [InlineData("2025-12/2026-02", "2026-01-01", "2025-12-01", "2026-02-28", "2025-09-02", "2025-11-30")]
    public void A_period_and_the_one_before_it(string text, string today, string from, string to, string previousFrom, string previousTo)
    {
        var period = Period.Parse(text, Day(today));
        Assert.Equal((Day(from), Day(to), Day(previousFrom), Day(previousTo)), (period.From, period.To, period.PreviousFrom, period.PreviousTo));
        Assert.Equal(period.Days, period.PreviousTo.DayNumber - period.PreviousFrom.DayNumber + 1);
        Assert.True(period.PreviousTo < period.From);
    }

    [Theory]
    [InlineData("tomorrow")]
    [InlineData("2026-02-29")]
    [InlineData("2026-13")]
    [InlineData("1899")]
    [InlineData("2026-03-02/2026-03-01")]
    [InlineData("2020/2026")]
    [InlineData("2026-03-01/")]
    [InlineData("2026-03-01/2026-03-02/2026-03-03")]
    [InlineData("last_0_days")]
    [InlineData("last_99999_days")]
    [InlineData("last_99999999999_days")]
    [InlineData("last_-1_days")]
    [InlineData("last__days")]
    [InlineData("TODAY")]
    public void What_is_no_period_is_refused_by_name(string text) =>
        Assert.StartsWith("period: '", Assert.Throws<McpException>(() => Period.Parse(text, Day("2026-03-08"))).Message);
}
