import {
  type Backend,
  type DeviceBuffer,
  type HostBuffer,
  type Queue,
  type QueueEvent,
  type Region,
  type Span,
  spanOf,
  type Tier,
  type TierQueue,
} from '@flexgen/spec'
import type { RowHome } from '../placement/place-rows.ts'
import { SlotPool } from './slot-pool.ts'

/** What hidden states are kept with. */
export interface HiddenStoreOptions {
  readonly backend: Backend
  readonly ram: Tier
  readonly disk: Tier
  /** Homes of the rows of every GPU batch, in row order: device rows first, then RAM, then disk. */
  readonly batchHomes: readonly (readonly RowHome[])[]
  /** Bytes of one row at the longest sequence length of the block. */
  readonly maxRowBytes: number
  readonly copyQueue: Queue
  readonly readQueue: TierQueue
  readonly writeQueue: TierQueue
}

type HiddenSpan = Span<DeviceBuffer>

/** A batch's hidden state where a kernel can bind it. */
export interface BoundHidden {
  readonly buffer: DeviceBuffer
  /** The run waits for these before it reads. */
  readonly ready: readonly QueueEvent[]
}

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
  readonly #buffers: DeviceBuffer[] = []
  readonly #homes: Home[][] = []
  readonly #held: (BoundHidden | undefined)[] = []
  #pool: SlotPool<DeviceBuffer> = new SlotPool<DeviceBuffer>([])

  private constructor(options: HiddenStoreOptions) {
    this.#options = options
  }

  /** Allocates everything that the block will need; after a failure nothing is left. */
  static async create(options: HiddenStoreOptions): Promise<HiddenStore> {
    const store = new HiddenStore(options)
    try {
      for (const homes of options.batchHomes) store.#homes.push(await store.#allocateHomes(homes))
      const rows = Math.max(...options.batchHomes.map((homes) => homes.length))
      const count = hiddenSlotCount(options.batchHomes, options.backend.device.hostVisible)
      for (let i = 0; i < count; i++) store.#buffers.push(options.backend.allocate(rows * options.maxRowBytes))
      store.#pool = new SlotPool(store.#buffers)
      return store
    } catch (error) {
      store.dispose()
      throw error
    }
  }

  async #allocateHomes(rowHomes: readonly RowHome[]): Promise<Home[]> {
    const { backend, ram, disk, maxRowBytes } = this.#options
    if (!movesAway(rowHomes, backend.device.hostVisible)) return []
    const homes: Home[] = []
    for (const home of ['device', 'ram', 'disk'] as const) {
      const rowCount = rowHomes.filter((rowHome) => rowHome === home).length
      if (rowCount === 0) continue
      const bytes = rowCount * maxRowBytes
      const tier = home === 'disk' ? disk : ram
      homes.push({
        home,
        firstRow: rowHomes.indexOf(home),
        rowCount,
        device: home === 'device' ? backend.allocate(bytes) : undefined,
        region: home === 'device' ? undefined : await tier.allocate(bytes),
        bounce: home === 'disk' && !backend.device.hostVisible ? backend.allocateHost(bytes) : undefined,
        stored: undefined,
      })
    }
    return homes
  }

  /** A buffer for the output of a run. */
  async acquire(): Promise<BoundHidden> {
    const slot = await this.#pool.acquire()
    return { buffer: slot.item, ready: slot.after }
  }

  /** Gives back what a run has read, once the run has ended. */
  release(hidden: BoundHidden, after: QueueEvent): void {
    this.#pool.release(hidden.buffer, after)
  }

  /** Takes a batch's hidden state after a layer; `rowBytes` at this sweep's sequence length. */
  store(batch: number, rows: number, rowBytes: number, output: BoundHidden, computed: QueueEvent): void {
    const homes = this.#homes[batch]!
    if (homes.length === 0) {
      this.#held[batch] = { buffer: output.buffer, ready: [computed] }
      return
    }
    const { copyQueue, writeQueue, ram } = this.#options
    copyQueue.wait(computed)
    const stored: QueueEvent[] = [computed]
    for (const home of homes) {
      const count = Math.min(home.rowCount, rows - home.firstRow)
      if (count <= 0) continue
      const source: HiddenSpan = spanOf(output.buffer, home.firstRow * rowBytes, count * rowBytes)
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
    this.#pool.release(output.buffer, ...stored)
    this.#held[batch] = undefined
  }

  /** Brings a batch's hidden state to where a kernel can bind it; does nothing where it has stayed. */
  async load(batch: number, rows: number, rowBytes: number): Promise<void> {
    const homes = this.#homes[batch]!
    if (homes.length === 0) return
    const { copyQueue, readQueue, ram } = this.#options
    const slot = await this.#pool.acquire()
    for (const event of slot.after) copyQueue.wait(event)
    const ready: QueueEvent[] = [...slot.after]
    for (const home of homes) {
      const count = Math.min(home.rowCount, rows - home.firstRow)
      if (count <= 0) continue
      const target: HiddenSpan = spanOf(slot.item, home.firstRow * rowBytes, count * rowBytes)
      if (home.home === 'disk') {
        if (home.stored !== undefined) readQueue.wait(home.stored)
        if (home.bounce === undefined) {
          for (const event of slot.after) readQueue.wait(event)
          ready.push(readQueue.read(hostSpan(target), home.region!, 0))
          continue
        }
        copyQueue.wait(readQueue.read(spanOf(home.bounce, 0, target.byteLength), home.region!, 0))
      } else if (home.stored !== undefined) copyQueue.wait(home.stored)
      const last =
        home.device === undefined
          ? copyQueue.copyIn(target, spanOf(home.bounce ?? ram.view!(home.region!), 0, target.byteLength))
          : copyQueue.copy(target, spanOf(home.device, 0, target.byteLength))
      if (home.bounce !== undefined) home.stored = last
      ready.push(last)
    }
    this.#held[batch] = { buffer: slot.item, ready }
  }

  /** Takes the loaded or kept hidden state of a batch for a run. */
  take(batch: number): BoundHidden {
    const held = this.#held[batch]!
    this.#held[batch] = undefined
    return held
  }

  /** Whoever waits for a buffer gets the error. */
  fail(error: unknown): void {
    this.#pool.fail(error)
  }

  /** Frees everything; the queues must be idle. */
  dispose(): void {
    const { backend, ram, disk } = this.#options
    for (const homes of this.#homes.splice(0)) {
      for (const home of homes) {
        if (home.device !== undefined) backend.free(home.device)
        if (home.bounce !== undefined) backend.free(home.bounce)
        if (home.region !== undefined) (home.home === 'disk' ? disk : ram).free(home.region)
      }
    }
    for (const buffer of this.#buffers.splice(0)) backend.free(buffer)
  }
}

/** The host bytes of a span on a host-visible backend, where device buffers are host buffers. */
function hostSpan(span: HiddenSpan): Span<HostBuffer> {
  return span as Span<HostBuffer>
}

/** Whether a batch's hidden state leaves its buffer between layers. */
function movesAway(homes: readonly RowHome[], hostVisible: boolean): boolean {
  return homes.some((home) => home === 'disk' || (home === 'ram' && !hostVisible))
}

/** Buffers that a block needs: one for each batch that stays, one to write to, three more where batches move. */
export function hiddenSlotCount(batchHomes: readonly (readonly RowHome[])[], hostVisible: boolean): number {
  const moving = batchHomes.filter((homes) => movesAway(homes, hostVisible)).length
  return batchHomes.length - moving + 1 + (moving > 0 ? 3 : 0)
}
