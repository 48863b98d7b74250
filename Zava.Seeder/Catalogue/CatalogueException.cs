namespace Zava.Seeder.Catalogue;

/// <summary>A catalogue file is wrong; the message names file, line and field and says what is allowed.</summary>
public sealed class CatalogueException(string file, long line, string field, string problem)
    : Exception($"{file}, line {line}, {field}: {problem}");
