namespace Zava.Database;

static class SqlResource
{
    public static string Read(string name)
    {
        using var stream = typeof(SqlResource).Assembly.GetManifestResourceStream($"Zava.Database.{name}")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
