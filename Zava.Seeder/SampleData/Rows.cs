using Zava.Seeder.Catalogue;

namespace Zava.Seeder.SampleData;

/// <summary>A store of the database, and its share of the sample data.</summary>
/// <param name="Type">flagship, standard or ecommerce.</param>
sealed record Store(string Id, TimeZoneInfo TimeZone, string Type, double Share)
{
    public bool IsOnline => Type == "ecommerce";
}

sealed record Customer(
    Guid Id, string FirstName, string LastName, string Email, string Phone, DateOnly DateOfBirth, string Gender,
    DateOnly Since)
{
    /// <summary>How often the customer comes, relative to others.</summary>
    public required double Activity { get; init; }

    /// <summary>The top-level category that the customer likes best.</summary>
    public required string Favorite { get; init; }

    public decimal LifetimeValue { get; set; }
    public string LoyaltyTier { get; set; } = "bronze";
}

/// <summary>One store's product, and what happens to its stock.</summary>
sealed record Product(
    Guid Id, string Sku, string Name, string Description, ProductKind Kind, string Category, ProductVersion Version, string Brand, string Model, string Color,
    string? Size, decimal WeightKg, decimal Price, decimal Cost, string SupplierSku, bool IsFeatured, decimal Rating, int Reviews,
    IReadOnlyDictionary<string, object> Attributes, DateOnly Since)
{
    /// <summary>How much it is asked for, relative to the store's other products.</summary>
    public required double Demand { get; init; }

    /// <summary>How often a sold unit comes back, relative to the average; a faulty article stands out.</summary>
    public required double ReturnRate { get; init; }

    public int MinimumStock { get; set; }
    public int ReorderPoint { get; set; }
    public int MaximumStock { get; set; }
    public int OpeningStock { get; set; }
    public int Stock { get; set; }
    public int UnitsSold { get; set; }
    public bool IsOnOrder { get; set; }
    public List<Delivery> Deliveries { get; } = [];
}

/// <summary>Goods that arrived before the store opened.</summary>
readonly record struct Delivery(DateOnly On, int Units);

/// <param name="Subtotal">Signed, like <paramref name="Tax"/> and <paramref name="Discount"/>: negative when goods came back.</param>
/// <param name="Reason">Why goods came back.</param>
sealed record Transaction(
    Guid Id, Customer Customer, DateTime Date, string Type, string Payment, decimal Subtotal, decimal Tax,
    decimal Discount, string Cashier, string Register, string Receipt, string? Reason, IReadOnlyList<TransactionItem> Items);

/// <param name="Original">For a returned line, the sold line.</param>
sealed record TransactionItem(
    Guid Id, Product Product, TransactionItem? Original, int Quantity, decimal UnitPrice, decimal Discount, decimal Tax)
{
    public decimal Total => Quantity * UnitPrice - Discount;
    public decimal SignedTotal => Original is null ? Total : -Total;
}
