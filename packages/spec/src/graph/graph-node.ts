/**
 * The closed operator list: the porting promise of a backend. Values are names; every name is written once.
 * Activations have the compute dtype and shape `[batch, seq, width]` unless stated; weights may have any dtype of
 * the backend's `weightDtypes` and are widened to the compute dtype as they are read.
 *
 * System inputs (int32): `ids [batch, seq]`, `positions [batch, seq]` (absolute position of every token; right
 * padding continues the count), `lengths [batch]` (positions of the row that are valid after this run). So a row
 * brings `lengths[b] - positions[b, 0]` new tokens; what a run computes for padding tokens is unspecified but finite.
 */
export type GraphNode =
  /** Rows `table[indices + indexOffset]`: inputs table `[rows, width]`, never `q4g64c`, and indices `[batch, seq]`. */
  | Node<'Gather', { readonly indexOffset: number }>
  /** `x W^T + b` with W `[out, in]` (`transposed`), or `x W + b` with W `[in, out]`; inputs x, W and optionally b. */
  | Node<'Linear', { readonly transposed: boolean }>
  /** Elementwise sum of two tensors of the same shape. */
  | Node<'Add'>
  /** Elementwise product of two tensors of the same shape. */
  | Node<'Mul'>
  /** Inputs x, scale `[width]`, bias `[width]`: over the last axis, variance biased, epsilon inside the root. */
  | Node<'LayerNormalization', { readonly epsilon: number }>
  /** Inputs x, scale `[width]`: x / sqrt(mean(x^2) + epsilon) * scale over the last axis. */
  | Node<'RMSNormalization', { readonly epsilon: number }>
  | Node<'Relu'>
  /** `none`: x/2 (1 + erf(x/sqrt 2)); `tanh`: the usual tanh approximation. */
  | Node<'Gelu', { readonly approximate: 'none' | 'tanh' }>
  /** x * sigmoid(x). */
  | Node<'Silu'>
  /** Over the last axis. */
  | Node<'Softmax'>
  /** Cuts the last axis into pieces of the given sizes, one output each. */
  | Node<'Split', { readonly sizes: readonly number[] }>
  /**
   * Rotates the first `rotaryDim` of every head of x `[batch, seq, heads * head dim]` by its position; inputs x,
   * positions. Frequency i is theta^(-2i / rotaryDim); pairs are (i, i + rotaryDim/2), or (2i, 2i+1) interleaved.
   */
  | Node<
      'RotaryEmbedding',
      {
        readonly heads: number
        readonly headDim: number
        readonly rotaryDim: number
        readonly theta: number
        readonly interleaved: boolean
      }
    >
  /**
   * Causal attention with a cache. Inputs q `[batch, seq, heads * head dim]`, k and v
   * `[batch, seq, kvHeads * head dim]`; reads the system inputs `positions` and `lengths`. First k and v of the
   * row's new tokens are written to the cache at their positions, then the query at position p attends to the
   * cached positions 0 to p, as the cache's dtype holds them, with softmax(scale q.k). Head h reads kv head floor(h kvHeads / heads).
   * `sparsity` below 1 keeps in decode (one new token) only the floor(sparsity * past) past positions of largest
   * weight (renormalisation is not done, FlexGen section 4), and the token itself.
   */
  | Node<
      'Attention',
      {
        readonly cache: string
        readonly heads: number
        readonly kvHeads: number
        readonly headDim: number
        readonly scale: number
        readonly sparsity: number
      }
    >
  /** x `[batch, seq, width]` to `[batch, 1, width]`: the last valid token, index lengths[b] - 1 - positions[b, 0]. */
  | Node<'LastPosition'>
  /**
   * float values to `q4g64`: round((x - minimum) * (15 / range)), half to even, so that the maximum maps to 15; a constant
   * group maps to its minimum. A group that float16 cannot bound (NaN, infinities) is NaN.
   */
  | Node<'QuantizeGroup'>
  /** `q4g64` to the compute dtype: minimum + nibble * scale. */
  | Node<'DequantizeGroup'>
  /** Index of the largest value of the last axis, the first of equals, int32. */
  | Node<'ArgMax'>
  /** The k largest of the last axis, descending, equals by index: outputs values and int32 indices. */
  | Node<'TopK', { readonly k: number }>
  /**
   * One token a row from logits `[batch, 1, vocabulary]` and `uniform` `[batch]` in [0, 1): the candidates sorted
   * descending (equals by index), cut to `topK` (0: all) and to the smallest set whose probability reaches `topP`,
   * renormalised; the first whose cumulative probability exceeds the uniform number. int32 `[batch, 1]`.
   */
  | Node<'Sample', { readonly temperature: number; readonly topK: number; readonly topP: number }>

/** Form of a node: operator, names of its inputs and outputs, attributes. */
export interface Node<Operator extends string, Attributes = object> {
  readonly operator: Operator
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: Attributes
}

/** Name of an operator of the closed list. */
export type OperatorName = GraphNode['operator']

/** The node form of one operator. */
export type NodeOf<Operator extends OperatorName> = Extract<GraphNode, { operator: Operator }>

/** All operators. */
export const operatorNames: readonly OperatorName[] = [
  'Gather',
  'Linear',
  'Add',
  'Mul',
  'LayerNormalization',
  'RMSNormalization',
  'Relu',
  'Gelu',
  'Silu',
  'Softmax',
  'Split',
  'RotaryEmbedding',
  'Attention',
  'LastPosition',
  'QuantizeGroup',
  'DequantizeGroup',
  'ArgMax',
  'TopK',
  'Sample',
]
