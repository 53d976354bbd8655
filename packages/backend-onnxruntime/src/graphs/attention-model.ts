import { microsoftDomain, OnnxBuilder, type OnnxDimension } from '../onnx/onnx-builder.ts'

/** Which attention model: each is small, and compiled when first needed. */
export interface AttentionVariant {
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly scale: number
  /** One query: no transposes, and grouped heads share one product. */
  readonly isDecode: boolean
  /** Cuts the cache row to its first `length` positions instead of masking the rest. */
  readonly isSliced: boolean
  /** Keeps only the `keep` past positions of largest weight; decode only. */
  readonly isSparse: boolean
}

/**
 * Attention of some queries of one sequence on its cache row, where it lies.
 *
 * Inputs q `[queries, heads * head dim]`, k and v (a row's halves `[kv heads, positions, head dim]`), `mask`
 * `[queries, positions]` (0 or -Infinity; decode on a sliced row has none), `length [1]` where sliced, `keep [1]` and
 * `self [1, positions]` (1 at the query's own position) where sparse; output y like q. Plain MatMul reads KV at 20
 * to 25 GB/s on 2 cores, the fused decoder operators of ONNX Runtime at 2.
 */
export function attentionModel(variant: AttentionVariant): Uint8Array {
  const { heads, kvHeads, headDim, isDecode, isSliced, isSparse } = variant
  const group = heads / kvHeads
  const builder = new OnnxBuilder('attention')
  builder.input('q', 'float32', ['queries', heads * headDim])
  const rowShape: OnnxDimension[] = isDecode ? [kvHeads, 'room', headDim] : [kvHeads, 1, 'room', headDim]
  const length = isSliced ? builder.input('length', 'int64', [1]) : undefined
  const [k, v] = ['k', 'v'].map((name) => {
    const row = builder.input(name, 'float32', rowShape)
    if (length === undefined) return row
    return builder.node('Slice', [row, builder.shape(0), length, builder.shape(isDecode ? 1 : 2)])
  })
  // Scaled by itself: with a factor of its own, a product of one query takes 2 to 4 times as long.
  const scaled = builder.node('Mul', ['q', builder.scalar(variant.scale)])
  const headed = builder.node('Reshape', [
    scaled,
    isDecode ? builder.shape(kvHeads, group, headDim) : builder.shape(-1, kvHeads, group, headDim),
  ])
  const queries = isDecode ? headed : builder.node('Transpose', [headed], { attributes: { perm: [1, 2, 0, 3] } })
  const products = builder.node('FusedMatMul', [queries, k!], {
    domain: microsoftDomain,
    attributes: { transB: 1 },
  })
  const isMasked = !(isDecode && isSliced)
  const scores = isMasked
    ? builder.node('Add', [products, builder.input('mask', 'float32', ['queries', 'positions'])])
    : products
  const weights = builder.node('Softmax', [scores], { attributes: { axis: -1 } })
  const kept = isSparse ? keepLargest(builder, weights) : weights
  const sums = builder.node('MatMul', [kept, v!])
  const rows = isDecode ? sums : builder.node('Transpose', [sums], { attributes: { perm: [2, 0, 1, 3] } })
  builder.nodes('Reshape', [rows, builder.shape(-1, heads * headDim)], { outputs: ['y'] })
  builder.output('y', 'float32', ['queries', heads * headDim])
  return builder.encode()
}

/** Zeroes all weights but the largest `keep` of the past and the query's own; without renormalisation. */
function keepLargest(builder: OnnxBuilder, weights: string): string {
  const self = builder.input('self', 'float32', [1, 'positions'])
  const keep = builder.input('keep', 'int64', [1])
  const own = builder.node('Mul', [weights, self])
  const past = builder.node('Sub', [weights, own])
  const [largest, places] = builder.nodes('TopK', [past, keep], { outputs: 2 })
  const zeros = builder.node('Sub', [past, past])
  const kept = builder.node('ScatterElements', [zeros, places!, largest!], { attributes: { axis: -1 } })
  return builder.node('Add', [kept, own])
}

/** Swaps tokens and heads: x `[batch, seq, kv heads, head dim]` to y `[batch, kv heads, seq, head dim]`. */
export function transposeModel(): Uint8Array {
  const builder = new OnnxBuilder('transpose')
  builder.input('x', 'float32', ['batch', 'seq', 'heads', 'width'])
  builder.nodes('Transpose', ['x'], { attributes: { perm: [0, 2, 1, 3] }, outputs: ['y'] })
  builder.output('y', 'float32', ['batch', 'heads', 'seq', 'width'])
  return builder.encode()
}
