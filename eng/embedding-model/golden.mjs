// Writes Zava.Tests/Embeddings/golden-vectors.json: what the original JavaScript implementation answers.
//   npm ci --ignore-scripts && npm run golden
import { mkdirSync, writeFileSync } from 'node:fs';
import { texts } from './golden-texts.mjs';
import { loadOriginal, prepare } from './original.mjs';

const target = new URL('../../Zava.Tests/Embeddings/golden-vectors.json', import.meta.url);
const original = await loadOriginal();
const lines = [];

for (const text of texts) {
  // The original drops a text without pieces from the end of a batch, and embeds it anywhere else.
  const [vector] = await original.embed([prepare(text), 'end of batch']);
  const pieces = original.tokenizer.encode(prepare(text));
  const rounded = vector.map(value => Number(value.toPrecision(7)));
  lines.push(JSON.stringify({ text, pieces: pieces.length, vector: rounded }));
}

mkdirSync(new URL('.', target), { recursive: true });
writeFileSync(target, `[\n${lines.join(',\n')}\n]\n`);
console.log(`${texts.length} texts, ${lines.join('').length.toLocaleString('en')} bytes`);
process.exit(0);
