namespace Zava.Tests.Relevance;

/// <summary>What makes a query hard. The file's names are these in snake_case.</summary>
public enum QueryClass
{
    /// <summary>A shopper's words, none of which is in the text of the right products.</summary>
    NoSharedWords,

    /// <summary>A need in a shopper's words, some of which are the catalogue's too.</summary>
    Mixed,

    /// <summary>Brand, model, kind and attribute words, as one types into a search box.</summary>
    Keyword,

    /// <summary>Misspelt brands and kinds.</summary>
    Typo,

    /// <summary>Whole and partial SKUs.</summary>
    Sku,

    /// <summary>A query with filters.</summary>
    Filter,

    /// <summary>What this shop does not sell.</summary>
    OutOfCatalogue,
}
