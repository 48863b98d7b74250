import { readFileSync } from 'node:fs';

/** The weights of a TensorFlow.js graph model by name, as { shape, data }. */
export function readWeights(directory) {
  const { weightsManifest } = JSON.parse(readFileSync(new URL('model.json', directory), 'utf8'));
  const weights = new Map();

  for (const group of weightsManifest) {
    const bytes = Buffer.concat(group.paths.map(path => readFileSync(new URL(path, directory))));
    let offset = 0;
    for (const { name, shape, dtype } of group.weights) {
      const length = shape.reduce((product, size) => product * size, 1);
      const start = bytes.byteOffset + offset;
      const copy = bytes.buffer.slice(start, start + 4 * length);
      weights.set(name, { shape, data: dtype === 'int32' ? new Int32Array(copy) : new Float32Array(copy) });
      offset += 4 * length;
    }
    const rest = bytes.length - offset;
    if (rest !== 0) throw new Error(`${rest} bytes of ${group.paths} belong to no weight.`);
  }

  return weights;
}
