import type { NodeOf } from '@flexgen/spec'
import type { Session, SessionBinding, Tensor } from '../sessions/session.ts'
import type { AttentionSessions } from './attention-sessions.ts'

/** Attention of some consecutive queries of one row. */
export interface AttentionTask {
  /** `[queries, heads * head dim]` */
  readonly q: Uint8Array
  readonly y: Uint8Array
  /** Halves of the cache row, `[kv heads, max positions, head dim]`. */
  readonly k: Uint8Array
  readonly v: Uint8Array
  readonly maxPositions: number
  readonly queries: number
  /** Position of the first query. */
  readonly position: number
  /** Past positions that a sparse decode keeps; undefined where all are attended. */
  readonly keep: number | undefined
}

/** Bytes of scratch beside the mask: two int64 numbers. */
export const laneNumberBytes = 16

/** Runs attention tasks one after the other, with bindings of its own. */
export class AttentionLane {
  readonly #node: NodeOf<'Attention'>
  readonly #sessions: AttentionSessions
  readonly #bindings = new Map<Session, SessionBinding>()

  constructor(node: NodeOf<'Attention'>, sessions: AttentionSessions) {
    this.#node = node
    this.#sessions = sessions
  }

  /**
   * Runs a task.
   * @param scratch two numbers, then masks of `queries + 1` rows of max positions
   */
  run(task: AttentionTask, scratch: Uint8Array, now: boolean): void | Promise<void> {
    const session = this.#session(task)
    if (session instanceof Promise) return session.then((ready) => this.#runOn(ready, task, scratch, now))
    return this.#runOn(session, task, scratch, now)
  }

  release(): void {
    for (const binding of this.#bindings.values()) binding.release()
    this.#bindings.clear()
  }

  #session(task: AttentionTask): Session | Promise<Session> {
    const { heads, kvHeads, headDim, scale } = this.#node.attributes
    const { isDecode, isSliced } = formOf(task)
    return this.#sessions.get({ heads, kvHeads, headDim, scale, isDecode, isSliced, isSparse: task.keep !== undefined })
  }

  #runOn(session: Session, task: AttentionTask, scratch: Uint8Array, now: boolean): void | Promise<void> {
    let binding = this.#bindings.get(session)
    if (binding === undefined) {
      binding = session.createBinding()
      this.#bindings.set(session, binding)
    }
    this.#bind(binding, task, scratch)
    return session.run(binding, now)
  }

  #bind(binding: SessionBinding, task: AttentionTask, scratch: Uint8Array): void {
    const { heads, kvHeads, headDim } = this.#node.attributes
    const { isDecode, isSliced, length } = formOf(task)
    const { queries, maxPositions } = task
    const half = isDecode ? [kvHeads, maxPositions, headDim] : [kvHeads, 1, maxPositions, headDim]
    const width = heads * headDim
    binding.input('q', { bytes: task.q, type: 'float32', shape: [queries, width] })
    binding.input('k', { bytes: task.k, type: 'float32', shape: half })
    binding.input('v', { bytes: task.v, type: 'float32', shape: half })
    binding.output('y', { bytes: task.y, type: 'float32', shape: [queries, width] })
    const columns = isSliced ? length : maxPositions
    const rowOf = (row: number, rows: number): Tensor => ({
      bytes: scratch.subarray(laneNumberBytes + row * 4 * maxPositions).subarray(0, 4 * rows * columns),
      type: 'float32',
      shape: [rows, columns],
    })
    if (isSliced) binding.input('length', writeNumber(scratch, 0, length))
    if (!(isDecode && isSliced)) {
      const mask = rowOf(0, queries)
      writeCausalMask(floatsOf(mask), columns, task.position)
      binding.input('mask', mask)
    }
    if (task.keep !== undefined) {
      const self = rowOf(queries, 1)
      floatsOf(self).fill(0)[task.position] = 1
      binding.input('self', self)
      binding.input('keep', writeNumber(scratch, 1, task.keep))
    }
  }
}

/** A row is cut to its length where most of it is empty; otherwise masking costs less than the copy. */
function formOf({ queries, position, maxPositions }: AttentionTask): {
  isDecode: boolean
  isSliced: boolean
  length: number
} {
  const length = position + queries
  return { isDecode: queries === 1, isSliced: 2 * length <= maxPositions, length }
}

function writeCausalMask(mask: Float32Array, columns: number, position: number): void {
  for (let start = 0, last = position; start < mask.length; start += columns, last++) {
    mask.fill(0, start, start + last + 1)
    mask.fill(Number.NEGATIVE_INFINITY, start + last + 1, start + columns)
  }
}

function writeNumber(scratch: Uint8Array, index: number, value: number): Tensor {
  const bytes = scratch.subarray(8 * index, 8 * index + 8)
  new BigInt64Array(bytes.buffer, bytes.byteOffset, 1)[0] = BigInt(value)
  return { bytes, type: 'int64', shape: [1] }
}

function floatsOf({ bytes }: Tensor): Float32Array {
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
}
