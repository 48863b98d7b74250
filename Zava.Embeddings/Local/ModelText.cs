using System.Text;

namespace Zava.Embeddings;

/// <summary>The form of a text that Universal Sentence Encoder Lite is given.</summary>
static class ModelText
{
    /// <summary>
    /// Normalizes to NFKC, as the model's own tokenizer does, then lower-cases and collapses white space. The
    /// vocabulary knows most words only in lower case: on the shop's queries lower-casing is worth .06 nDCG. It
    /// follows NFKC because NFKC makes new capitals (™ becomes TM). Line breaks and tabs would each be an unknown
    /// piece.
    /// </summary>
    public static string Prepare(string text) =>
        string.Join(' ', WellFormed(text)
            .Normalize(NormalizationForm.FormKC)
            .ToLowerInvariant()
            .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    /// <exception cref="InvalidOperationException">The process runs without Unicode data.</exception>
    public static void RequireUnicodeNormalization()
    {
        var works = false;
        try
        {
            works = "ﬁ".Normalize(NormalizationForm.FormKC) == "fi";
        }
        catch (PlatformNotSupportedException)
        {
        }

        if (!works)
        {
            throw new InvalidOperationException(
                "The local embedding model needs Unicode normalization (NFKC), which InvariantGlobalization "
                + "(DOTNET_SYSTEM_GLOBALIZATION_INVARIANT) takes away. Switch it off, and install ICU (libicu) if it "
                + "is missing.");
        }
    }

    // Half of a surrogate pair, left where a text was cut, makes Normalize throw; UTF-8 turns it into U+FFFD.
    static string WellFormed(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
}
