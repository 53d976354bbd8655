import { elementCount, type NodeOf, UsageError } from '@flexgen/spec'
import type { TensorInfo } from '@tensorflow/tfjs-core'
import type { Asking, RunValues } from '../kernel/run-values.ts'
import { TensorScope } from '../kernel/tensor-scope.ts'
import type { TensorEngine } from '../engine/tensor-engine.ts'
import { keepLargest } from './keep-largest.ts'

/** Rows of a bound cache in the host form `[K or V, kv head, max positions, head dim]`. */
export interface AttentionCache {
  readonly rows: readonly Float32Array[]
  readonly maxPositions: number
}

/** The new tokens of one sequence. */
interface NewTokens {
  readonly row: number
  readonly start: number
  readonly count: number
}

/** Far below any score, and still finite: infinities would give NaN in some kernels. */
const hidden = -1e30

/**
 * Causal attention with a cache, `[batch * seq, heads * head dim]`; outputs of padding are zeros. Each kv head of each
 * sequence is a product of its own on exactly its cached positions, read where they lie.
 */
export function* attention(
  { attributes, inputs }: NodeOf<'Attention'>,
  values: RunValues,
  engine: TensorEngine,
  cache: AttentionCache,
): Asking<Float32Array> {
  const { heads, kvHeads, headDim, scale } = attributes
  const [q, k, v] = inputs as [string, string, string]
  const lengths = values.integers('lengths')
  const positions = values.integers('positions')
  const seq = positions.length / lengths.length
  const tokens = [...lengths].map((length, row) => newTokens(row, positions[row * seq]!, length, seq, cache))
  for (const [part, name] of [k, v].entries())
    extendCache(cache, yield* values.floats(name), part, tokens, seq, attributes)

  // A copy: the engine may move its memory while lanes are computed.
  const queries = (yield* values.floats(q)).slice()
  const output = new Float32Array(queries.length)
  const group = heads / kvHeads
  const laneFloats = cache.maxPositions * headDim
  const contexts = new TensorScope(engine)
  const waiting: Waiting[] = []
  try {
    for (const { row, start, count } of tokens) {
      if (count === 0) continue
      const length = start + count
      const mask = count > 1 ? contexts.wrap([count, length], causalMask(start, count)) : undefined
      for (let lane = 0; lane < kvHeads; lane++) {
        const laneOf = (part: number): Float32Array =>
          cache.rows[row]!.subarray((part * kvHeads + lane) * laneFloats).subarray(0, length * headDim)
        const at = (head: number, token: number): number =>
          ((row * seq + token) * heads + lane * group + head) * headDim
        const query = new Float32Array(group * count * headDim)
        forEachVector(group, count, (head, token, index) => {
          for (let i = 0; i < headDim; i++) query[index * headDim + i] = scale * queries[at(head, token) + i]!
        })
        const attended = yield* attendLane(engine, {
          query,
          keys: laneOf(0),
          values: laneOf(1),
          shape: { group, count, length, headDim },
          mask,
          kept: count === 1 && attributes.sparsity < 1 ? Math.floor(attributes.sparsity * start) : undefined,
        })
        const context = contexts.own(attended)
        const write = (vectors: Float32Array): void =>
          forEachVector(group, count, (head, token, index) =>
            output.set(vectors.subarray(index * headDim, (index + 1) * headDim), at(head, token)),
          )
        if (engine.isRemote) {
          waiting.push({ context, write })
          continue
        }
        write((yield context) as Float32Array)
        contexts.drop(context)
      }
      if (mask !== undefined && !engine.isRemote) contexts.drop(mask)
    }
    yield* writeAll(waiting, contexts)
  } finally {
    contexts.end()
  }
  return output
}

/** The result of a lane on a card, and what puts its values where they belong. */
interface Waiting {
  /** `[rows, head dim]` */
  readonly context: TensorInfo
  readonly write: (vectors: Float32Array) => void
}

/** Reads the results of all lanes in one piece: every answer of a card takes its time. */
function* writeAll(waiting: readonly Waiting[], scope: TensorScope): Asking<void> {
  if (waiting.length === 0) return
  const all = (yield scope.concat(waiting.map(({ context }) => context))) as Float32Array
  let from = 0
  for (const { context, write } of waiting) {
    const count = elementCount(context.shape)
    write(all.subarray(from, from + count))
    from += count
  }
}

interface Lane {
  /** Scaled, `[group * count, head dim]`. */
  readonly query: Float32Array
  /** `[length, head dim]` */
  readonly keys: Float32Array
  readonly values: Float32Array
  readonly shape: {
    readonly group: number
    readonly count: number
    readonly length: number
    readonly headDim: number
  }
  /** Added to the scores of every head, `[count, length]`. */
  readonly mask: TensorInfo | undefined
  /** How many past positions a sparse decode step keeps. */
  readonly kept: number | undefined
}

/** Attention of the query heads that share one kv head: a tensor `[group * count, head dim]` for the caller. */
function* attendLane(engine: TensorEngine, lane: Lane): Asking<TensorInfo> {
  const { group, count, length, headDim } = lane.shape
  const rows = group * count
  const scope = new TensorScope(engine)
  try {
    const query = scope.wrap([rows, headDim], lane.query)
    const keys = scope.wrap([length, headDim], lane.keys)
    let scores = scope.own(engine.product(query, keys, true))
    if (lane.mask !== undefined)
      scores = scope.reshape(scope.add(scope.reshape(scores, [group, count, length]), lane.mask), [rows, length])
    let weights = scope.kernel('Softmax', { logits: scores }, { dim: 1 })
    if (lane.kept !== undefined) {
      const sparse = (yield weights).slice() as Float32Array
      for (let row = 0; row < rows; row++)
        keepLargest(sparse.subarray(row * length, (row + 1) * length), length - 1, lane.kept)
      weights = scope.wrap([rows, length], sparse)
    }
    return engine.product(weights, scope.wrap([length, headDim], lane.values), false)
  } finally {
    scope.end()
  }
}

function newTokens(row: number, start: number, length: number, seq: number, cache: AttentionCache): NewTokens {
  const count = length - start
  if (start < 0 || count < 0 || count > seq || length > cache.maxPositions)
    throw new UsageError(
      `Attention row ${row}: positions ${start} to ${length} do not fit ${seq} tokens and ${cache.maxPositions} cached positions`,
    )
  return { row, start, count }
}

/** Writes k (part 0) or v (part 1) of the new tokens at their positions. */
function extendCache(
  { rows, maxPositions }: AttentionCache,
  source: Float32Array,
  part: number,
  tokens: readonly NewTokens[],
  seq: number,
  { kvHeads, headDim }: NodeOf<'Attention'>['attributes'],
): void {
  for (const { row, start, count } of tokens) {
    forEachVector(kvHeads, count, (head, token) => {
      const from = ((row * seq + token) * kvHeads + head) * headDim
      const lane = part * kvHeads + head
      rows[row]!.set(source.subarray(from, from + headDim), (lane * maxPositions + start + token) * headDim)
    })
  }
}

function causalMask(start: number, count: number): Float32Array {
  const length = start + count
  return Float32Array.from({ length: count * length }, (_, at) =>
    at % length > start + Math.floor(at / length) ? hidden : 0,
  )
}

function forEachVector(
  heads: number,
  count: number,
  visit: (head: number, token: number, index: number) => void,
): void {
  for (let head = 0; head < heads; head++)
    for (let token = 0; token < count; token++) visit(head, token, head * count + token)
}
