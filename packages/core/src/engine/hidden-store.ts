import {
  type Backend,
  type DeviceBuffer,
  type HostBuffer,
  InternalError,
  type Queue,
  type QueueEvent,
  type Region,
  type Span,
  spanOf,
  type Tier,
  type TierQueue,
} from '@flexgen/spec'
import type { RowHome } from '../placement/place-rows.ts'
import { HeldBuffers } from './held-buffers.ts'
import { type Slot, SlotPool } from './slot-pool.ts'

/** What hidden states are kept with. */
export interface HiddenStoreOptions {
  readonly backend: Backend
  readonly ram: Tier
  readonly disk: Tier
  /** Homes of the rows of every GPU batch, in row order: device rows first, then RAM, then disk. */
  readonly batchHomes: readonly (readonly RowHome[])[]
  /** Bytes of one row at the longest sequence length of the block. */
  readonly maxRowBytes: number
  /** Whether layers run in two parts, so that two batches may be under way at once. */
  readonly isSplit: boolean
  /** Copies from the device or within it, and copies to it: apart, so that a load does not stand behind a store that waits. */
  readonly copyQueue: Queue
  readonly loadQueue: Queue
  readonly readQueue: TierQueue
  readonly writeQueue: TierQueue
}

/** A buffer that a kernel can bind, and the events that its run waits for. */
export type HiddenSlot = Slot<DeviceBuffer>

/** The rows of a batch that share a home. */
interface Home {
  readonly home: RowHome
  readonly firstRow: number
  readonly rowCount: number
  readonly device: DeviceBuffer | undefined
  readonly region: Region | undefined
  /** Host copy on its way from or to the disk, on a device with memory of its own. */
  readonly bounce: HostBuffer | undefined
  stored: QueueEvent | undefined
}

/**
 * Hidden states of a block between layers. A batch that stays keeps its buffer; a batch with rows elsewhere is
 * stored to its homes after every layer and loaded before the next. Which rows count as elsewhere depends on the
 * backend: on a host-visible one only the disk's.
 */
export class HiddenStore {
  readonly #options: HiddenStoreOptions
  readonly #buffers: HeldBuffers
  /** By batch; none where the batch stays. */
  readonly #homes: Home[][] = []
  readonly #held: (HiddenSlot | undefined)[] = []
  #pool = new SlotPool<DeviceBuffer>([])

  private constructor(options: HiddenStoreOptions) {
    this.#options = options
    this.#buffers = new HeldBuffers(options.backend)
  }

  /** Allocates everything that the block will need; after a failure nothing is left. */
  static async create(options: HiddenStoreOptions): Promise<HiddenStore> {
    const store = new HiddenStore(options)
    try {
      await store.#allocate()
      return store
    } catch (error) {
      store.dispose()
      throw error
    }
  }

  async #allocate(): Promise<void> {
    const { backend, batchHomes, maxRowBytes, isSplit } = this.#options
    const { hostVisible } = backend.device
    for (const homes of batchHomes) {
      const batch: Home[] = []
      this.#homes.push(batch)
      if (!movesAway(homes, hostVisible)) continue
      for (const home of ['device', 'ram', 'disk'] as const) {
        if (homes.includes(home)) batch.push(await this.#allocateHome(homes, home))
      }
    }
    const slotBytes = Math.max(...batchHomes.map((homes) => homes.length)) * maxRowBytes
    const slots = Array.from({ length: hiddenSlotCount(batchHomes, hostVisible, isSplit) }, () =>
      this.#buffers.allocate(slotBytes),
    )
    this.#pool = new SlotPool(slots)
  }

  async #allocateHome(homes: readonly RowHome[], home: RowHome): Promise<Home> {
    const { backend, maxRowBytes } = this.#options
    const rowCount = homes.filter((other) => other === home).length
    const byteLength = rowCount * maxRowBytes
    const needsBounce = home === 'disk' && !backend.device.hostVisible
    return {
      home,
      firstRow: homes.indexOf(home),
      rowCount,
      device: home === 'device' ? this.#buffers.allocate(byteLength) : undefined,
      bounce: needsBounce ? this.#buffers.allocateHost(byteLength) : undefined,
      // Last, since it is freed by whoever holds the home.
      region: home === 'device' ? undefined : await this.#tierOf(home).allocate(byteLength),
      stored: undefined,
    }
  }

  #tierOf(home: RowHome): Tier {
    return home === 'disk' ? this.#options.disk : this.#options.ram
  }

  /** Begins a sweep: it goes through the same buffers as the one before. */
  begin(): void {
    this.#pool.rewind()
  }

  /** A buffer for the output of a run. */
  takeOutput(): HiddenSlot {
    return this.#pool.take()
  }

  /** Gives back what a run has read, once the run has ended. */
  release(hidden: HiddenSlot, after: QueueEvent): void {
    this.#pool.release(hidden.item, after)
  }

  /** Takes a batch's hidden state after a layer; `rowBytes` at this sweep's sequence length. */
  store(batch: number, rows: number, rowBytes: number, output: HiddenSlot, computed: QueueEvent): void {
    const homes = this.#homes[batch]!
    if (homes.length === 0) {
      this.#held[batch] = { item: output.item, after: [computed] }
      return
    }
    const { copyQueue, writeQueue, ram } = this.#options
    copyQueue.wait(computed)
    const stored: QueueEvent[] = [computed]
    for (const home of homes) {
      const count = Math.min(home.rowCount, rows - home.firstRow)
      if (count <= 0) continue
      const source = spanOf(output.item, home.firstRow * rowBytes, count * rowBytes)
      if (home.home === 'disk' && home.bounce === undefined) {
        writeQueue.wait(computed)
        home.stored = writeQueue.write(home.region!, 0, hostSpan(source))
        stored.push(home.stored)
        continue
      }
      if (home.stored !== undefined) copyQueue.wait(home.stored)
      if (home.device !== undefined) home.stored = copyQueue.copy(spanOf(home.device, 0, source.byteLength), source)
      else {
        const host = home.bounce ?? ram.view!(home.region!)
        home.stored = copyQueue.copyOut(spanOf(host, 0, source.byteLength), source)
      }
      stored.push(home.stored)
      if (home.bounce !== undefined) {
        writeQueue.wait(home.stored)
        home.stored = writeQueue.write(home.region!, 0, spanOf(home.bounce, 0, source.byteLength))
      }
    }
    this.#pool.release(output.item, ...stored)
  }

  /** Brings a batch's hidden state to where a kernel can bind it; does nothing where it has stayed. */
  load(batch: number, rows: number, rowBytes: number): void {
    const homes = this.#homes[batch]!
    if (homes.length === 0) return
    const { loadQueue, readQueue, ram } = this.#options
    const slot = this.#pool.take()
    for (const event of slot.after) loadQueue.wait(event)
    const ready: QueueEvent[] = [...slot.after]
    for (const home of homes) {
      const count = Math.min(home.rowCount, rows - home.firstRow)
      if (count <= 0) continue
      const target = spanOf(slot.item, home.firstRow * rowBytes, count * rowBytes)
      if (home.home === 'disk') {
        if (home.stored !== undefined) readQueue.wait(home.stored)
        if (home.bounce === undefined) {
          for (const event of slot.after) readQueue.wait(event)
          ready.push(readQueue.read(hostSpan(target), home.region!, 0))
          continue
        }
        loadQueue.wait(readQueue.read(spanOf(home.bounce, 0, target.byteLength), home.region!, 0))
      } else if (home.stored !== undefined) loadQueue.wait(home.stored)
      const last =
        home.device === undefined
          ? loadQueue.copyIn(target, spanOf(home.bounce ?? ram.view!(home.region!), 0, target.byteLength))
          : loadQueue.copy(target, spanOf(home.device, 0, target.byteLength))
      if (home.bounce !== undefined) home.stored = last
      ready.push(last)
    }
    this.#held[batch] = { item: slot.item, after: ready }
  }

  /** Takes the loaded or kept hidden state of a batch for a run. @throws {InternalError} where there is none */
  take(batch: number): HiddenSlot {
    const held = this.#held[batch]
    this.#held[batch] = undefined
    if (held === undefined) throw new InternalError(`batch ${batch} has no hidden state`)
    return held
  }

  /** Frees everything; the queues must be idle. */
  dispose(): void {
    for (const home of this.#homes.splice(0).flat()) {
      if (home.region !== undefined) this.#tierOf(home.home).free(home.region)
    }
    this.#buffers.free()
  }
}

/** The host bytes of a span on a host-visible backend, where device buffers are host buffers. */
function hostSpan(span: Span<DeviceBuffer>): Span<HostBuffer> {
  return span as Span<HostBuffer>
}

/** Whether a batch's hidden state leaves its buffer between layers. */
export function movesAway(homes: readonly RowHome[], hostVisible: boolean): boolean {
  return homes.some((home) => home === 'disk' || (home === 'ram' && !hostVisible))
}

/**
 * Buffers that a block needs: one for each batch that stays and one to write to; where batches move, three more: one
 * that is computed from, one that is loaded for the next batch and one that is stored of the last; and where layers run
 * in two parts, one that is computed from while the batch after it has started.
 */
export function hiddenSlotCount(
  batchHomes: readonly (readonly RowHome[])[],
  hostVisible: boolean,
  isSplit: boolean,
): number {
  const moving = batchHomes.filter((homes) => movesAway(homes, hostVisible)).length
  return batchHomes.length - moving + 1 + (moving > 0 ? 3 + Number(isSplit) : 0)
}
