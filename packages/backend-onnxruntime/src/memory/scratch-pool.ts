import type { MappedMemory, PageMemory } from '@flexgen/backend-kit'

const grainBytes = 64 * 1024

/** Bytes of the block that a run with so much scratch takes. */
export function scratchBlockBytes(byteLength: number): number {
  return Math.ceil(byteLength / grainBytes) * grainBytes
}

/** Scratch of a run. */
export interface ScratchBlock {
  readonly bytes: Uint8Array
}

interface PooledBlock extends ScratchBlock {
  readonly mapping: MappedMemory
}

const noScratch: ScratchBlock = { bytes: new Uint8Array(0) }

/** Blocks of scratch that runs take and give back: as many as runs were ever in flight at once. */
export class ScratchPool {
  readonly #pages: PageMemory
  #free: PooledBlock[] = []
  #heldBytes = 0

  constructor(pages: PageMemory) {
    this.#pages = pages
  }

  /** Bytes of all blocks, in use or not. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /** @throws {FlexgenError} `OUT_OF_MEMORY` */
  take(byteLength: number): ScratchBlock {
    if (byteLength === 0) return noScratch
    const fits = this.#free.filter(({ bytes }) => bytes.byteLength >= byteLength)
    const best = fits.toSorted((a, b) => a.bytes.byteLength - b.bytes.byteLength)[0]
    if (best !== undefined) {
      this.#free.splice(this.#free.indexOf(best), 1)
      return best
    }
    // A block that is too small makes way, so that blocks grow with the runs instead of becoming more.
    const small = this.#free.pop()
    if (small !== undefined) this.#drop(small)
    const size = scratchBlockBytes(byteLength)
    const mapping = this.#pages.map(size)
    this.#heldBytes += size
    const block: PooledBlock = { mapping, bytes: new Uint8Array(mapping.buffer, 0, size) }
    return block
  }

  give(block: ScratchBlock): void {
    if (block !== noScratch) this.#free.push(block as PooledBlock)
  }

  /** Gives back what no run uses. */
  trim(): void {
    for (const block of this.#free.splice(0)) this.#drop(block)
  }

  #drop({ mapping, bytes }: PooledBlock): void {
    this.#heldBytes -= bytes.byteLength
    mapping.unmap()
  }
}
