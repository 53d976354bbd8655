import { FlexgenError, InternalError, type QueueEvent, type Region, UsageError } from '@flexgen/spec'
import { checkSize } from '@flexgen/backend-kit'
import type { VisibleMemory } from '../memory/simulated-memory.ts'

/** A piece of a simulated tier. */
export interface SimulatedRegion extends Region {
  /** Whose it is. */
  readonly table: RegionTable
  /** The memory of a RAM region. */
  readonly memory: VisibleMemory | undefined
  isFreed: boolean
}

/** What a table of regions is made from. */
export interface RegionTableOptions {
  /** For messages. */
  readonly tierName: string
  limitBytes: number
  /** @throws {FlexgenError} where the memory behind the region is not there */
  readonly makeMemory: (byteLength: number) => VisibleMemory | undefined
  readonly giveMemory: (memory: VisibleMemory) => void
}

/** The regions of a tier and the bytes that they hold. */
export class RegionTable {
  heldBytes = 0
  peakHeldBytes = 0
  readonly #options: RegionTableOptions
  readonly #live = new Set<Region>()
  #isOpen = true

  constructor(options: RegionTableOptions) {
    this.#options = options
  }

  /** @throws {FlexgenError} `OUT_OF_MEMORY` or `OUT_OF_DISK` beyond the limit */
  allocate(byteLength: number): Region {
    this.checkOpen()
    checkSize('a number of bytes', byteLength)
    const { tierName, limitBytes, makeMemory } = this.#options
    if (this.heldBytes + byteLength > limitBytes) {
      throw new FlexgenError({
        code: tierName === 'disk' ? 'OUT_OF_DISK' : 'OUT_OF_MEMORY',
        message: `a region of ${byteLength} bytes does not fit: ${this.heldBytes} of ${limitBytes} bytes of ${tierName} are held`,
      })
    }
    const region: SimulatedRegion = {
      byteLength,
      table: this,
      memory: makeMemory(byteLength),
      isFreed: false,
    }
    this.#live.add(region)
    this.heldBytes += byteLength
    this.peakHeldBytes = Math.max(this.peakHeldBytes, this.heldBytes)
    return region
  }

  free(region: Region, after: readonly QueueEvent[]): void {
    const own = this.check(region)
    own.isFreed = true
    let open = after.length + 1
    const settle = (): void => {
      if (--open > 0 || !this.#live.delete(own)) return
      this.heldBytes -= own.byteLength
      if (own.memory !== undefined) this.#options.giveMemory(own.memory)
    }
    for (const event of after) event.onSettled(settle)
    settle()
  }

  /** Checks a region and a range of it. */
  check(region: Region, byteOffset = 0, byteLength = 0): SimulatedRegion {
    this.checkOpen()
    const own = region as SimulatedRegion
    if (own.table !== this || own.isFreed) {
      throw new InternalError(`the region was freed or is none of ${this.#options.tierName}`)
    }
    if (!(byteOffset >= 0 && byteOffset + byteLength <= region.byteLength)) {
      throw new InternalError(
        `bytes ${byteOffset} to ${byteOffset + byteLength} are not in a region of ${region.byteLength} bytes`,
      )
    }
    return own
  }

  /** @throws {UsageError} once the tier is disposed */
  checkOpen(): void {
    if (!this.#isOpen) throw new UsageError(`the ${this.#options.tierName} tier is disposed`)
  }

  /** Changes what all regions together may hold; what is held already stays. */
  setLimit(limitBytes: number): void {
    this.#options.limitBytes = limitBytes
  }

  /** Refuses all that comes from now on. */
  close(): void {
    this.#isOpen = false
  }

  /** Frees everything. */
  clear(): void {
    for (const region of this.#live as Set<SimulatedRegion>) {
      this.#live.delete(region)
      region.isFreed = true
      if (region.memory !== undefined && !region.memory.isFreed) this.#options.giveMemory(region.memory)
    }
    this.heldBytes = 0
  }
}
