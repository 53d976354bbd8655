import { dtypeBytes, elementCount, type DType, type Queue, type QueueEvent, type Span, spanOf } from '@flexgen/spec'
import type { HeldBuffers, MirroredBuffer } from './held-buffers.ts'
import type { LayerRuntime } from './layer-runtime.ts'
import { type Slot, SlotPool } from './slot-pool.ts'

/** Values `[batch, seq, width]` that pass between the stages of one layer, by name. */
export type Activations = ReadonlyMap<string, MirroredBuffer>

/** A batch that has started and one that has not ended yet. */
export const activationSlotCount = 2

/** Width of every value between stages; of equal names in several layers the largest. */
export function activationWidths(runtimes: readonly LayerRuntime[]): ReadonlyMap<string, number> {
  const widths = new Map<string, number>()
  for (const { graph } of runtimes.flatMap(({ stages }) => stages)) {
    for (const { name, role, shape } of graph.inputs) {
      if (role !== 'activation') continue
      const width = elementCount(shape.slice(2).map(Number))
      widths.set(name, Math.max(width, widths.get(name) ?? 0))
    }
  }
  return widths
}

/** Buffers for the values between the stages of a layer that runs in parts. */
export class ActivationPool {
  readonly #pool: SlotPool<Activations>
  readonly #dtype: DType

  /** Allocates the slots for batches of at most `tokens` tokens; after a failure they are in `buffers` all the same. */
  constructor(buffers: HeldBuffers, widths: ReadonlyMap<string, number>, tokens: number, dtype: DType) {
    this.#dtype = dtype
    const count = widths.size === 0 ? 0 : activationSlotCount
    this.#pool = new SlotPool(
      Array.from(
        { length: count },
        () =>
          new Map(
            [...widths].map(([name, width]) => [name, buffers.allocateMirrored(tokens * dtypeBytes(dtype, width))]),
          ),
      ),
    )
  }

  take(): Slot<Activations> {
    return this.#pool.take()
  }

  release(activations: Activations, after: QueueEvent): void {
    this.#pool.release(activations, after)
  }

  /** The part of a value that belongs to some rows of a batch. */
  part(buffer: MirroredBuffer, side: keyof MirroredBuffer, shape: ActivationShape): Span {
    const { firstRow, rows, seq, width } = shape
    const rowBytes = seq * dtypeBytes(this.#dtype, width)
    return spanOf(buffer[side], firstRow * rowBytes, rows * rowBytes)
  }

  /** Queues the way of some rows to the host, or back; nothing where both are one memory. */
  move(queue: Queue, direction: 'in' | 'out', buffer: MirroredBuffer, shape: ActivationShape): QueueEvent | undefined {
    if (buffer.host === buffer.device) return undefined
    const host = this.part(buffer, 'host', shape) as Span<typeof buffer.host>
    const device = this.part(buffer, 'device', shape)
    return direction === 'out' ? queue.copyOut(host, device) : queue.copyIn(device, host)
  }
}

/** Some rows of a value `[batch, seq, width]`. */
export interface ActivationShape {
  readonly firstRow: number
  readonly rows: number
  readonly seq: number
  readonly width: number
}
