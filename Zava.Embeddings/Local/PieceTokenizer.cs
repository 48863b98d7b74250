using Microsoft.ML.Tokenizers;

namespace Zava.Embeddings;

/// <summary>Turns a text into the SentencePiece ids that Universal Sentence Encoder Lite reads. Thread-safe.</summary>
sealed class PieceTokenizer(SentencePieceTokenizer sentencePiece)
{
    /// <summary>The model reads no further: its authors cut every text here.</summary>
    public const int MaxPieces = 128;

    public static PieceTokenizer Load(string path)
    {
        ModelText.RequireUnicodeNormalization();
        using var file = File.OpenRead(path);
        return new(SentencePieceTokenizer.Create(file, addBeginningOfSentence: false, addEndOfSentence: false));
    }

    /// <returns>Up to <see cref="MaxPieces"/> ids; none for a text of nothing but white space.</returns>
    public IReadOnlyList<int> Encode(string text)
    {
        var pieces = new List<int>();
        foreach (var id in sentencePiece.EncodeToIds(ModelText.Prepare(text)))
        {
            // SentencePiece makes one piece of a run of unknown characters, Microsoft.ML.Tokenizers one of each.
            if (id == sentencePiece.UnknownId && pieces.Count > 0 && pieces[^1] == id) continue;

            pieces.Add(id);
            if (pieces.Count == MaxPieces) break;
        }

        return pieces;
    }
}
