import type { HostBuffer, Region, Tier } from '@flexgen/spec'

/** Regions of the RAM tier that are freed all together, but for those that were freed before. */
export class HeldRegions {
  readonly #ram: Tier
  readonly #live = new Set<Region>()

  constructor(ram: Tier) {
    this.#ram = ram
  }

  /** @throws {FlexgenError} `OUT_OF_MEMORY` */
  async allocate(byteLength: number): Promise<Region> {
    const region = await this.#ram.allocate(byteLength)
    this.#live.add(region)
    return region
  }

  /** The bytes of a region where they lie. */
  view(region: Region): HostBuffer {
    return this.#ram.view!(region)
  }

  /** Frees one; nothing may read it any more. */
  free(region: Region): void {
    this.#live.delete(region)
    this.#ram.free(region)
  }

  /** Frees all. */
  freeAll(): void {
    for (const region of this.#live) this.free(region)
  }
}
