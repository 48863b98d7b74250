using System.ComponentModel;

namespace Zava.McpServer.Sales;

/// <summary>What the lines of receipts add up to, before tax unless said otherwise.</summary>
/// <remarks>Follows the database: what comes back is negative, so that sums are net. An exchange is a line sold and a line returned.</remarks>
public sealed record SalesAmounts(
    [property: Description("Receipts with a sold line; one that only takes goods back does not count")] long Receipts,
    [property: Description("Units sold")] long Units,
    long ReturnedUnits,
    [property: Description("Sold at list price")] decimal GrossSales,
    [property: Description("On what was sold; negative")] decimal Discounts,
    [property: Description("At the price paid; negative")] decimal Returns,
    [property: Description("Net of returns; not in any other amount")] decimal Tax)
{
    public static SalesAmounts None { get; } = new(0, 0, 0, 0, 0, 0, 0);

    [Description("gross_sales + discounts + returns")]
    public decimal NetSales => GrossSales + Discounts + Returns;

    [Description("(gross_sales + discounts) / receipts")]
    public decimal AverageBasket => Receipts == 0 ? 0 : decimal.Round((GrossSales + Discounts) / Receipts, 2, MidpointRounding.AwayFromZero);

    public static SalesAmounts operator +(SalesAmounts a, SalesAmounts b) => new(
        a.Receipts + b.Receipts, a.Units + b.Units, a.ReturnedUnits + b.ReturnedUnits,
        a.GrossSales + b.GrossSales, a.Discounts + b.Discounts, a.Returns + b.Returns, a.Tax + b.Tax);
}

/// <summary>All stores of one currency.</summary>
public sealed record SalesTotal(
    [property: Description("ISO 4217 code")] string Currency,
    SalesAmounts Current,
    [property: Description("The same number of days before")] SalesAmounts Previous,
    [property: Description("Percent of the previous value; null where that is not above 0")] SalesChange ChangePercent);

/// <summary>How much more than before, in percent of before.</summary>
public sealed record SalesChange(decimal? Receipts, decimal? Units, decimal? NetSales, decimal? AverageBasket)
{
    internal static SalesChange Of(SalesAmounts current, SalesAmounts previous) => new(
        Percent(current.Receipts, previous.Receipts), Percent(current.Units, previous.Units),
        Percent(current.NetSales, previous.NetSales), Percent(current.AverageBasket, previous.AverageBasket));

    /// <summary>The change in percent of what was before, which must be positive: of nothing, or of a loss, there is no percentage.</summary>
    internal static decimal? Percent(decimal current, decimal previous) =>
        previous > 0 ? decimal.Round((current - previous) / previous * 100, 1, MidpointRounding.AwayFromZero) : null;
}

/// <summary>One day, week, month, hour, category, payment method or store.</summary>
public sealed record SalesGroup(
    [property: Description("First day of a day, week or month within the period; hour 00 to 23; otherwise a name")] string Group,
    string Currency,
    long Receipts,
    long Units,
    decimal NetSales,
    [property: Description("Of the same part of the previous period")] decimal PreviousNetSales,
    [property: Description("Percent of previous_net_sales")] decimal? ChangePercent);
