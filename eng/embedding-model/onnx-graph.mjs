import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { toHalf } from './half.mjs';

const schema = protobuf.loadSync(fileURLToPath(new URL('onnx.proto', import.meta.url)));
const ModelProto = schema.lookupType('onnx.ModelProto');
const type = schema.lookupEnum('onnx.TensorProto.DataType').values;
const attributeType = schema.lookupEnum('onnx.AttributeProto.AttributeType').values;

/** An ONNX graph under construction. Every method returns the name of the value that it added. */
export class OnnxGraph {
  nodes = [];
  initializers = [];
  inputs = [];
  outputs = [];

  /** One operator: op('MatMul', ['a', 'b']) or op('Gather', ['table', 'index'], { axis: 0 }). */
  op(opType, inputs, attributes = {}, outputs = [`${opType.toLowerCase()}_${this.nodes.length}`]) {
    const attribute = Object.entries(attributes).map(toAttribute);
    this.nodes.push({ opType, name: outputs[0], input: inputs, output: outputs, attribute });
    return outputs.length === 1 ? outputs[0] : outputs;
  }

  /** A weight that is stored in half precision and read as it is. */
  half(name, shape, data) {
    const raw = Buffer.alloc(2 * data.length);
    data.forEach((value, index) => raw.writeUInt16LE(toHalf(value), 2 * index));
    return this.#initializer(name, type.FLOAT16, shape, raw);
  }

  /** A weight that is stored in half precision and computed with in single (ONNX Runtime folds the cast at load). */
  weight(name, shape, data) {
    return this.op('Cast', [this.half(`${name}_half`, shape, data)], { to: type.FLOAT }, [name]);
  }

  float(name, value) {
    const raw = Buffer.alloc(4);
    raw.writeFloatLE(value);
    return this.#initializer(name, type.FLOAT, [], raw);
  }

  int64(name, values) {
    const raw = Buffer.alloc(8 * values.length);
    values.forEach((value, index) => raw.writeBigInt64LE(BigInt(value), 8 * index));
    return this.#initializer(name, type.INT64, [values.length], raw);
  }

  toFloat(value) {
    return this.op('Cast', [value], { to: type.FLOAT });
  }

  input(name, dims, doc) {
    this.inputs.push(toValueInfo(name, type.INT64, dims, doc));
    return name;
  }

  output(name, dims, doc) {
    this.outputs.push(toValueInfo(name, type.FLOAT, dims, doc));
    return name;
  }

  encode({ name, doc, opset, irVersion }) {
    const model = {
      irVersion,
      producerName: 'zava-embedding-model',
      docString: doc,
      opsetImport: [{ domain: '', version: opset }],
      graph: { name, node: this.nodes, initializer: this.initializers, input: this.inputs, output: this.outputs },
    };
    const problem = ModelProto.verify(model);
    if (problem) throw new Error(problem);
    return ModelProto.encode(model).finish();
  }

  #initializer(name, dataType, dims, rawData) {
    const known = this.initializers.some(initializer => initializer.name === name);
    if (!known) this.initializers.push({ name, dataType, dims, rawData });
    return name;
  }
}

function toAttribute([name, value]) {
  if (Array.isArray(value)) return { name, ints: value, type: attributeType.INTS };
  if (Number.isInteger(value)) return { name, i: value, type: attributeType.INT };
  return { name, f: value, type: attributeType.FLOAT };
}

function toValueInfo(name, elemType, dims, docString) {
  const dim = dims.map(size => (typeof size === 'string' ? { dimParam: size } : { dimValue: size }));
  return { name, docString, type: { tensorType: { elemType, shape: { dim } } } };
}
