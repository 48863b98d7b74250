import { OnnxGraph } from './onnx-graph.mjs';

const heads = 4;
const hidden = 512;
const epsilon = 1e-6;
const encode = 'Encoder_en/KonaTransformer/Encode';

/**
 * Universal Sentence Encoder Lite as an ONNX graph: `pieces` int64 [batch, length], padded with -1, to `embedding`
 * float32 [batch, 512] of length one. The TensorFlow graph gathers the rows that are no padding before every dense
 * layer and scatters them back; here the padding takes part and is masked where rows meet, in attention and in the
 * mean.
 */
export function encoder(weights) {
  const graph = new OnnxGraph();
  const tensor = name => weights.get(name) ?? fail(name);
  const weight = (name, source, shape = tensor(source).shape) => graph.weight(name, shape, tensor(source).data);

  const pieces = graph.input('pieces', ['batch', 'length'], 'SentencePiece ids, padded with -1');
  const zero = graph.float('zero', 0);
  const isPiece = graph.op('GreaterOrEqual', [pieces, graph.int64('first_piece', [0])]);
  const mask = graph.toFloat(isPiece);
  const attentionBias = graph.op('Unsqueeze', [
    graph.op('Where', [isPiece, zero, graph.float('ignored', -1e9)]), graph.int64('head_and_query_axes', [1, 2])]);

  let x = layer(graph, weight, embeddings(), 0, 256, attentionBias);
  x = layer(graph, weight, x, 1, hidden, attentionBias);
  graph.output(pooled(x), ['batch', hidden], 'Unit vector of the text');
  return graph;

  function embeddings() {
    const table = tensor('module/Embeddings_en');
    const rows = graph.op('Gather', [
      graph.half('embeddings_half', table.shape, table.data),
      graph.op('Max', [pieces, graph.int64('first_piece', [0])])]);
    // The original adds the embedding to the embedding plus the timing signal.
    const doubled = graph.op('Mul', [graph.toFloat(rows), graph.float('two', 2)]);
    return graph.op('Add', [doubled, timingSignal()]);
  }

  function timingSignal() {
    const signal = `module_apply_default/${encode}/TransformerStack/Layer_0/AddTimingSignal/TimingSignal`;
    const scales = tensor(`${signal}/ExpandDims_1`);
    const length = graph.op('Gather', [graph.op('Shape', [pieces]), graph.int64('length_axis', [1])]);
    const ones = graph.op('Expand', [graph.int64('one', [1]), length]);
    const position = graph.op('CumSum', [ones, graph.int64('first_axis', [0])], { exclusive: 1 });
    const column = graph.op('Unsqueeze', [graph.toFloat(position), graph.int64('length_axis', [1])]);
    const angle = graph.op('Mul', [column, graph.weight('timing_scales', scales.shape, scales.data)]);
    return graph.op('Concat', [graph.op('Sin', [angle]), graph.op('Cos', [angle])], { axis: -1 });
  }

  function pooled(x) {
    const masked = graph.op('Mul', [x, graph.op('Unsqueeze', [mask, graph.int64('last_axis', [-1])])]);
    const sum = graph.op('ReduceSum', [masked, graph.int64('length_axis', [1])], { keepdims: 0 });
    const count = graph.op('ReduceSum', [mask, graph.int64('length_axis', [1])], { keepdims: 1 });
    // A text without a piece has the mean 0, as in the original, and not NaN.
    const mean = graph.op('Div', [sum, graph.op('Max', [count, graph.float('at_least_one', 1)])]);
    const dense = 'module/Encoder_en/hidden_layers/tanh_layer_0';
    const projected = graph.op('Tanh', [graph.op('Add', [
      graph.op('MatMul', [mean, weight('tanh_weights', `${dense}/weights`)]), weight('tanh_bias', `${dense}/bias`)])]);
    return graph.op('LpNormalization', [projected], { axis: -1, p: 2 }, ['embedding']);
  }
}

/** One pre-norm transformer layer; layer 0 widens its residual from 256 to 512 with a dense layer. */
function layer(graph, weight, input, index, width, attentionBias) {
  const name = suffix => `layer${index}_${suffix}`;
  const stack = `module_apply_default/${encode}/TransformerStack/Layer_${index}/TransformerLayer`;
  const folded = `module_apply_default/${encode}/Layer_${index}/TransformerLayer`;
  const kernels = `module/${encode}/Layer_${index}/TransformerLayer/MultiheadAttention`;
  const concat = path => `${folded}/${path}/ConcatPartitions/concat`;
  const dense = (x, label, kernel, bias, shape) =>
    graph.op('Add', [
      graph.op('MatMul', [x, weight(name(`${label}_weights`), kernel, shape)]), weight(name(`${label}_bias`), bias)]);
  const norm = (x, label, path) => graph.op('LayerNormalization', [
    x,
    weight(name(`${label}_scale`), concat(`${path}layer_prepostprocess/layer_norm/layer_norm_scale`)),
    weight(name(`${label}_shift`), concat(`${path}layer_prepostprocess/layer_norm/layer_norm_bias`)),
  ], { axis: -1, epsilon });

  const residual = index === 0
    ? dense(input, 'residual', concat('dense/kernel'), concat('dense/bias'))
    : input;
  const attended = graph.op('Add', [attention(norm(input, 'attention_norm', '')), residual]);
  return graph.op('Add', [feedForward(norm(attended, 'ffn_norm', 'FFN/')), attended]);

  function attention(x) {
    const qkv = dense(x, 'qkv', `${kernels}/qkv_transform_single/kernel/part_0`,
      concat('MultiheadAttention/qkv_transform_single/bias'), [width, 3 * width]);
    const [query, key, value] = graph.op('Split', [qkv], { axis: -1 }, [name('query'), name('key'), name('value')]);
    const scale = graph.float(name('scale'), 1 / Math.sqrt(width / heads));
    const scaled = graph.op('Mul', [split(query, [0, 2, 1, 3]), scale]);
    const scores = graph.op('MatMul', [scaled, split(key, [0, 2, 3, 1])]);
    const shares = graph.op('Softmax', [graph.op('Add', [scores, attentionBias])], { axis: -1 });
    const mixed = graph.op('MatMul', [shares, split(value, [0, 2, 1, 3])]);
    const joined = graph.op('Reshape', [
      graph.op('Transpose', [mixed], { perm: [0, 2, 1, 3] }), graph.int64(name('joined'), [0, 0, width])]);
    return dense(joined, 'attention', `${kernels}/output_transform_single/kernel/part_0`,
      concat('MultiheadAttention/output_transform_single/bias'), [width, hidden]);
  }

  function split(x, perm) {
    const perHead = graph.op('Reshape', [x, graph.int64(name('per_head'), [0, 0, heads, width / heads])]);
    return graph.op('Transpose', [perHead], { perm });
  }

  function feedForward(x) {
    const wide = graph.op('Relu', [
      dense(x, 'ffn_in', `${stack}/FFN/conv1/Tensordot/Reshape_1`, concat('FFN/conv1/bias'))]);
    return dense(wide, 'ffn_out', `${stack}/FFN/conv2/Tensordot/Reshape_1`, concat('FFN/conv2/bias'));
  }
}

function fail(name) {
  throw new Error(`The package has no weight ${name}: it is not the version that this tool was written for.`);
}
