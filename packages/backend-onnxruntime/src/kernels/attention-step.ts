import { type NodeOf, UsageError } from '@flexgen/spec'
import type { AttentionPlan } from '../graphs/plan-graph.ts'
import type { Session, SessionBinding, Tensor } from '../sessions/session.ts'
import { appendCache } from './append-cache.ts'
import { AttentionLane, type AttentionTask, laneNumberBytes } from './attention-lane.ts'
import type { KernelContext } from './kernel-context.ts'
import { estimateUs } from './loop-budget.ts'
import type { RunSize, RunState, ScratchSizes, Step, StepBinding } from './run-state.ts'

/** Scores of one chunk of queries take at most so much, times the lanes that run side by side. */
const mostScoreBytes = 16 * 2 ** 20
const swappedNames = ['#keysByHead', '#valuesByHead'] as const
const lanesName = '#lanes'

/** Attention with its cache, row by row: each sequence attends to its own row where it lies. */
export class AttentionStep implements Step {
  readonly #context: KernelContext
  readonly #node: NodeOf<'Attention'>

  constructor(context: KernelContext, { node }: AttentionPlan) {
    this.#context = context
    this.#node = node
  }

  createBinding(): StepBinding {
    return new AttentionBinding(this.#context, this.#node)
  }

  addScratch(size: RunSize, sizes: ScratchSizes): void {
    const { batch, seq } = size
    const { heads, kvHeads, headDim } = this.#node.attributes
    const add = (name: string, bytes: number): void => void sizes.set(name, Math.max(bytes, sizes.get(name) ?? 0))
    add(this.#node.outputs[0]!, 4 * batch * seq * heads * headDim)
    if (seq > 1) for (const name of swappedNames) add(name, 4 * batch * seq * kvHeads * headDim)
    add(lanesName, lanesOf(this.#context, batch) * laneBytes(this.#node, size.seq, size.maxPositions))
  }

  arenaBytes({ batch, seq, maxPositions }: RunSize): number {
    const { heads, kvHeads, headDim, sparsity } = this.#node.attributes
    const queries = queriesPerChunk(this.#node, seq, maxPositions)
    const scores = 4 * heads * queries * maxPositions
    const rows = 4 * heads * queries * headDim
    // Products, scores and weights at once; a sliced row's copies are at most half a row, for K and V.
    const slices = 4 * kvHeads * maxPositions * headDim
    const sparse = sparsity < 1 ? 8 * scores : 0
    return lanesOf(this.#context, batch) * (3 * scores + 4 * rows + slices + sparse)
  }

  release(): void {
    // Sessions for attention belong to the backend.
  }
}

class AttentionBinding implements StepBinding {
  readonly #context: KernelContext
  readonly #node: NodeOf<'Attention'>
  readonly #lanes: AttentionLane[] = []
  #swap: { readonly session: Session; readonly binding: SessionBinding } | undefined

  constructor(context: KernelContext, node: NodeOf<'Attention'>) {
    this.#context = context
    this.#node = node
  }

  run(state: RunState): void | Promise<void> {
    const rows = rowsOf(this.#node, state)
    if (state.seq > 1) return this.#swapHeads(state).then(() => this.#attend(state, rows))
    return this.#attend(state, rows)
  }

  release(): void {
    for (const lane of this.#lanes) lane.release()
    this.#swap?.binding.release()
  }

  /** Brings keys and values of several tokens into the order of the cache, so that a head's are one copy. */
  async #swapHeads(state: RunState): Promise<void> {
    const { kvHeads, headDim } = this.#node.attributes
    const { batch, seq } = state
    if (this.#swap === undefined) {
      const session = await this.#context.attention.transpose()
      this.#swap = { session, binding: session.createBinding() }
    }
    const { session, binding } = this.#swap
    for (const [index, name] of swappedNames.entries()) {
      const { bytes } = state.tensor(this.#node.inputs[index + 1]!)
      binding.input('x', { bytes, type: 'float32', shape: [batch, seq, kvHeads, headDim] })
      const target = state.scratch(name).subarray(0, bytes.byteLength)
      binding.output('y', { bytes: target, type: 'float32', shape: [batch, kvHeads, seq, headDim] })
      await session.run(binding, false)
    }
  }

  #attend(state: RunState, rows: readonly RowRange[]): void | Promise<void> {
    this.#append(state, rows)
    const tasks = rows.flatMap((row) => tasksOf(this.#node, state, row))
    const { budget, runtime } = this.#context
    const { kvHeads, heads, headDim } = this.#node.attributes
    const totalUs = tasks.reduce((sum, { position, queries }) => {
      const length = position + queries
      return sum + 10 + estimateUs(8 * kvHeads * length * headDim, 2 * heads * queries * length * headDim)
    }, 0)
    const laneCount = lanesOf(this.#context, state.batch)
    while (this.#lanes.length < laneCount) this.#lanes.push(new AttentionLane(this.#node, this.#context.attention))
    const scratch = state.scratch(lanesName)
    const size = laneBytes(this.#node, state.seq, state.cache(this.#node.attributes.cache).spec.maxPositions)
    const scratchOf = (lane: number): Uint8Array => scratch.subarray(lane * size, (lane + 1) * size)

    let next = 0
    // A missing session or the JavaScript API makes even short work wait.
    const now = budget.mayBlock(totalUs)
    const runLane = async (lane: number, first?: Promise<void>): Promise<void> => {
      await first
      while (next < tasks.length) await this.#lanes[lane]!.run(tasks[next++]!, scratchOf(lane), now)
    }
    if (now) {
      while (next < tasks.length) {
        const running = this.#lanes[0]!.run(tasks[next++]!, scratchOf(0), true)
        if (running !== undefined) return runLane(0, running)
      }
      return
    }
    return settleAll(Array.from({ length: Math.min(laneCount, runtime.concurrency) }, (_, lane) => runLane(lane)))
  }

  #append(state: RunState, rows: readonly RowRange[]): void {
    const { kvHeads, headDim, cache } = this.#node.attributes
    const { seq } = state
    const { maxPositions } = state.cache(cache).spec
    const sources = swappedNames.map((name, index) =>
      floatsOf(seq > 1 ? state.scratch(name) : state.tensor(this.#node.inputs[index + 1]!).bytes),
    )
    const output = floatsOf(state.tensor(this.#node.outputs[0]!).bytes)
    const width = output.length / (state.batch * seq)
    for (const { row, start, count, halves } of rows) {
      for (const [index, half] of halves.entries()) {
        const from = row * kvHeads * seq * headDim
        const values = sources[index]!.subarray(from, from + kvHeads * seq * headDim)
        appendCache(floatsOf(half), { values, tokens: seq, count, position: start }, headDim, maxPositions)
      }
      // What comes out for padding must be finite.
      output.fill(0, (row * seq + count) * width, (row + 1) * seq * width)
    }
  }
}

/** New tokens of one row of the batch. */
interface RowRange {
  readonly row: number
  /** Position of the first new token. */
  readonly start: number
  readonly count: number
  /** K and V of the cache row. */
  readonly halves: readonly [Uint8Array, Uint8Array]
}

function rowsOf({ attributes }: NodeOf<'Attention'>, state: RunState): RowRange[] {
  const { rows, spec } = state.cache(attributes.cache)
  return rows.map(({ bytes }, row) => {
    const start = state.positions[row * state.seq]!
    const count = state.lengths[row]! - start
    if (start < 0 || count < 0 || count > state.seq || start + count > spec.maxPositions) {
      throw new UsageError(
        `attention row ${row}: positions ${start} to ${start + count} do not fit ${state.seq} tokens and ${spec.maxPositions} cached positions`,
      )
    }
    const middle = bytes.byteLength / 2
    return { row, start, count, halves: [bytes.subarray(0, middle), bytes.subarray(middle)] }
  })
}

function tasksOf(
  node: NodeOf<'Attention'>,
  state: RunState,
  { row, start, count, halves: [k, v] }: RowRange,
): AttentionTask[] {
  const { heads, headDim, sparsity, cache } = node.attributes
  const { maxPositions } = state.cache(cache).spec
  const [q, y] = [state.tensor(node.inputs[0]!), state.tensor(node.outputs[0]!)]
  const tokenBytes = 4 * heads * headDim
  const most = queriesPerChunk(node, state.seq, maxPositions)
  const keep = sparsity < 1 && count === 1 ? Math.floor(sparsity * start) : undefined
  return Array.from({ length: Math.ceil(count / most) }, (_, chunk) => {
    const first = chunk * most
    const queries = Math.min(most, count - first)
    const from = (row * state.seq + first) * tokenBytes
    const part = ({ bytes }: Tensor): Uint8Array => bytes.subarray(from, from + queries * tokenBytes)
    return { q: part(q), y: part(y), k, v, maxPositions, queries, position: start + first, keep }
  })
}

function queriesPerChunk({ attributes }: NodeOf<'Attention'>, seq: number, maxPositions: number): number {
  return Math.min(seq, Math.max(1, Math.floor(mostScoreBytes / (4 * attributes.heads * maxPositions))))
}

function lanesOf({ runtime }: KernelContext, batch: number): number {
  return Math.min(batch, runtime.concurrency)
}

function laneBytes(node: NodeOf<'Attention'>, seq: number, maxPositions: number): number {
  const bytes = laneNumberBytes + 4 * maxPositions * (queriesPerChunk(node, seq, maxPositions) + 1)
  return Math.ceil(bytes / 64) * 64
}

/** Waits for all, also after a failure: bytes must have stopped moving before an error is told. */
async function settleAll(promises: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(promises)).find((result) => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

function floatsOf(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
}
