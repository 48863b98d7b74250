import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

const schema = protobuf.loadSync(fileURLToPath(new URL('sentencepiece.proto', import.meta.url)));
const ModelProto = schema.lookupType('sentencepiece.ModelProto');
const type = schema.lookupEnum('sentencepiece.ModelProto.SentencePiece.Type').values;
const modelType = schema.lookupEnum('sentencepiece.TrainerSpec.ModelType').values;

// The original leaves the first six entries (unknown, sentence marks, spare ids) out of its trie.
const reserved = 6;

/** The vocabulary of the package, [piece, score][], as a SentencePiece unigram model. */
export function tokenizerModel(vocabulary) {
  const lastIndex = new Map(vocabulary.map(([piece], index) => [piece, index]));

  const pieces = vocabulary.map(([piece, score], index) => {
    if (index === 0) return { piece, score: 0, type: type.UNKNOWN };
    if (index < reserved) return { piece, score: 0, type: type.CONTROL };
    // One piece is listed three times and the original's trie keeps the last. A control piece keeps the id and is never
    // produced; SentencePiece wants its name to be unique.
    if (lastIndex.get(piece) !== index) return { piece: `<duplicate_${index}>`, score: 0, type: type.CONTROL };
    // Seven scores got lost in the package (null), which JavaScript adds as 0.
    return { piece, score: score ?? 0, type: type.NORMAL };
  });

  const model = {
    pieces,
    trainerSpec: {
      modelType: modelType.UNIGRAM,
      vocabSize: pieces.length,
      unkId: 0, unkPiece: pieces[0].piece,
      bosId: 1, bosPiece: pieces[1].piece,
      eosId: 2, eosPiece: pieces[2].piece,
      padId: -1,
    },
    // NFKC and extra white space are the caller's: the package ships no character map.
    normalizerSpec: { name: 'identity', addDummyPrefix: true, removeExtraWhitespaces: false, escapeWhitespaces: true },
  };
  const problem = ModelProto.verify(model);
  if (problem) throw new Error(problem);
  return ModelProto.encode(model).finish();
}
