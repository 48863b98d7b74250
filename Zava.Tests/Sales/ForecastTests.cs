using Zava.McpServer.Sales;

namespace Zava.Tests.Sales;

/// <summary>Series, seasons and forecasts of pasts that are known.</summary>
public sealed class ForecastTests
{
    static readonly DateOnly Monday = new(2024, 1, 1);

    static SalesSeries Series(int days, Func<int, decimal> sales) => new(Monday, [.. Enumerable.Range(0, days).Select(sales)]);

    static readonly decimal[] Week = [70, 80, 90, 100, 110, 120, 130];

    [Fact]
    public void A_past_that_repeats_itself_goes_on_and_nothing_is_doubted()
    {
        var series = Series(70, day => Week[day % 7]);
        var forecast = SalesForecast.Of(series.By("day"), "day", 14)!;
        Assert.Equal(Enumerable.Range(0, 14).Select(step => Week[step % 7]), forecast.Points.Select(point => point.NetSales));
        Assert.Equal(Enumerable.Range(0, 14).Select(step => Monday.AddDays(70 + step)), forecast.Points.Select(point => point.From));
        Assert.All(forecast.Points, point => Assert.Equal((point.NetSales, point.NetSales), (point.Low, point.High)));
        Assert.Equal((0, 0), (forecast.ErrorPercent, forecast.NaiveErrorPercent));
        Assert.Contains("no trend, season of 7 days", forecast.Method);
        Assert.Equal(Week, series.Weekdays().Select(day => day.Index));
        Assert.Equal("Monday", series.Weekdays()[0].Name);
    }

    [Fact]
    public void Steady_growth_goes_on()
    {
        var forecast = SalesForecast.Of(Series(140, day => Week[day % 7] + day).By("day"), "day", 7)!;
        Assert.Contains("trend (beta", forecast.Method);
        Assert.All(forecast.Points.Index(), point => Assert.Equal((double)Week[point.Index] + 140 + point.Index, (double)point.Item.NetSales, tolerance: .1));
    }

    [Theory]
    [InlineData("day", 25, 0)]
    [InlineData("day", 26, 6)]
    [InlineData("week", 17 * 7, 0)]
    [InlineData("week", 18 * 7, 6)]
    [InlineData("month", 17 * 30, 0)]
    public void A_past_that_is_too_short_is_not_forecast_from(string interval, int days, int points) =>
        Assert.Equal(points, SalesForecast.Of(Series(days, _ => 5).By(interval), interval, 7)?.Points.Count ?? 0);

    [Fact]
    public void A_second_year_brings_its_season()
    {
        var two = Series(365 * 3 + 1, day => Monday.AddDays(day).Month == 3 ? 30 : 10);
        Assert.Contains("season of 12 months", SalesForecast.Of(two.By("month"), "month", 12)!.Method);
        var months = SalesForecast.Of(two.By("month"), "month", 12)!.Points;
        Assert.Equal(3, months.MaxBy(point => point.NetSales)!.From.Month);
        Assert.Equal("March", two.Months().MaxBy(month => month.Index)!.Name);
        Assert.Contains("season of 52 weeks", SalesForecast.Of(two.By("week"), "week", 4)!.Method);
        Assert.Contains("no season", SalesForecast.Of(Series(365, _ => 5).By("week"), "week", 4)!.Method);
    }

    [Fact]
    public void Four_of_five_values_to_come_are_between_low_and_high()
    {
        var (inside, all) = (0, 0);
        for (var seed = 0; seed < 40; seed++)
        {
            var random = new Random(seed);
            var values = Enumerable.Range(0, 200).Select(day => 500 + Week[day % 7] + (decimal)(random.NextDouble() + random.NextDouble() - 1) * 100).ToList();
            var forecast = SalesForecast.Of(Series(190, day => values[day]).By("day"), "day", 10)!;
            foreach (var (index, point) in forecast.Points.Index())
            {
                all++;
                inside += values[190 + index] >= point.Low && values[190 + index] <= point.High ? 1 : 0;
            }
            Assert.True(forecast.ErrorPercent < forecast.NaiveErrorPercent);
        }
        Assert.InRange((double)inside / all, .74, .90);
    }

    [Fact]
    public void No_sales_are_forecast_to_be_none_and_losses_may_be_lost_again()
    {
        var none = SalesForecast.Of(Series(60, _ => 0).By("day"), "day", 3)!;
        Assert.All(none.Points, point => Assert.Equal((0, 0, 0), (point.NetSales, point.Low, point.High)));
        Assert.Null(none.ErrorPercent);
        Assert.Empty(Series(60, _ => 0).Weekdays());
        Assert.All(SalesForecast.Of(Series(60, day => day % 2).By("day"), "day", 3)!.Points, point => Assert.True(point.Low >= 0));
        Assert.True(SalesForecast.Of(Series(60, _ => -5).By("day"), "day", 3)!.Points[0].NetSales < 0);
    }

    [Fact]
    public void Only_whole_weeks_and_months_count_and_leap_days_do()
    {
        // From Sunday 2024-01-28 to Saturday 2024-03-02.
        var series = SalesSeries.Of(new Dictionary<DateOnly, decimal> { [new(2024, 1, 28)] = 1, [new(2024, 2, 29)] = 7, [new(2024, 3, 2)] = 9, [new(2024, 3, 3)] = 100 }, new(2024, 3, 2));
        Assert.Equal(35, series.Daily.Count);
        Assert.Equal([new(new(2024, 2, 1), 7)], series.By("month"));
        Assert.Equal([new(new(2024, 1, 29), 0), new(new(2024, 2, 5), 0), new(new(2024, 2, 12), 0), new(new(2024, 2, 19), 0)], series.By("week"));
        Assert.Empty(SalesSeries.Of(new Dictionary<DateOnly, decimal>(), new(2024, 3, 2)).By("day"));
    }
}
