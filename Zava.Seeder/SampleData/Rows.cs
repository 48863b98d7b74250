namespace Zava.Seeder.SampleData;

/// <summary>A store of the database, and its share of the sample data.</summary>
sealed record Store(string Id, TimeZoneInfo TimeZone, double Share);

sealed record Customer(
    Guid Id, string FirstName, string LastName, string Email, string Phone, DateOnly DateOfBirth, string Gender,
    DateOnly Since)
{
    public decimal LifetimeValue { get; set; }
    public string LoyaltyTier { get; set; } = "bronze";
}

sealed record Product(
    Guid Id, string Sku, string Name, string Description, string Subcategory, string Brand, string Model, string Color,
    string? Size, decimal WeightKg, string DimensionsCm, decimal Price, decimal Cost, int Stock, int MinimumStock,
    int MaximumStock, int ReorderPoint, string Supplier, string SupplierSku, bool IsFeatured, decimal Rating,
    int RatingCount, string[] Tags, string Metadata, DateOnly Since, int Popularity, IReadOnlyList<int> Season);

/// <param name="Subtotal">Signed, like <paramref name="Tax"/> and <paramref name="Discount"/>: negative when goods came back.</param>
sealed record Transaction(
    Guid Id, Customer Customer, DateTime Date, string Type, string Payment, decimal Subtotal, decimal Tax,
    decimal Discount, string Cashier, string Register, string Receipt, IReadOnlyList<TransactionItem> Items);

/// <param name="Original">For a returned line, the sold line.</param>
sealed record TransactionItem(
    Guid Id, Product Product, TransactionItem? Original, int Quantity, decimal UnitPrice, decimal Discount, decimal Tax)
{
    public decimal Total => Quantity * UnitPrice - Discount;
    public decimal SignedTotal => Original is null ? Total : -Total;
}

/// <summary>Everything of one store.</summary>
sealed record StoreData(
    Store Store, IReadOnlyList<Customer> Customers, IReadOnlyList<Product> Products, IReadOnlyList<Transaction> Transactions);
