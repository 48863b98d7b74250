namespace Zava.Seeder.Catalogue;

/// <summary>The sample catalogue: what the shop could sell, before any store chooses.</summary>
public sealed record ProductCatalogue(IReadOnlyList<Subcategory> Subcategories, IReadOnlyList<ProductKind> Kinds);

/// <summary>A category below one of the seven top-level ones.</summary>
/// <param name="Id">Its key in the database: given, so that a new one moves no other.</param>
/// <param name="Category">The top-level one.</param>
/// <param name="Name">Unique, as customers read it.</param>
/// <param name="Description">What is in it.</param>
public sealed record Subcategory(int Id, string Category, string Name, string Description);

/// <summary>A kind of product, such as travel mugs, with what all its versions share.</summary>
/// <param name="Id">Unique, kebab-case.</param>
/// <param name="Title">The generic words at the end of a product's name.</param>
/// <param name="Purpose">What it is for, in a shop's words.</param>
/// <param name="WeightKg">Lightest and heaviest version, kilograms.</param>
/// <param name="DimensionsCm">Packed length, width and height, centimetres.</param>
/// <param name="Sizes">Empty where customers choose no size.</param>
/// <param name="Option">What else customers choose; <c>null</c> where there is nothing.</param>
/// <param name="GoesWith">Ids of kinds that are often bought with it.</param>
/// <param name="Season">Months (1 to 12) in which it sells clearly more.</param>
/// <param name="Popularity">1 (rare) to 5 (bestseller).</param>
public sealed record ProductKind(
    string Id,
    string Subcategory,
    string Title,
    string Purpose,
    IReadOnlyList<string> Tags,
    (decimal Min, decimal Max) WeightKg,
    IReadOnlyList<decimal> DimensionsCm,
    IReadOnlyList<string> Colors,
    IReadOnlyList<string> Sizes,
    string? Material,
    ProductOption? Option,
    IReadOnlyList<string> GoesWith,
    string Supplier,
    IReadOnlyList<int> Season,
    int Popularity,
    IReadOnlyList<ProductVersion> Versions);

/// <summary>One maker's version of a kind.</summary>
/// <param name="Price">US dollars, before tax.</param>
/// <param name="Detail">What makes this version different.</param>
public sealed record ProductVersion(string Brand, string Model, decimal Price, string Detail);

/// <summary>A choice besides colour and size, such as a capacity.</summary>
/// <param name="Name">snake_case.</param>
/// <param name="Values">The standard first. Amounts (those that begin with a digit) cost more further down the list.</param>
public sealed record ProductOption(string Name, IReadOnlyList<string> Values);
