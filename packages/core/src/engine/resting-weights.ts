import { type Backend, type HostBuffer, type Region, type Span, spanOf, type WeightSource } from '@flexgen/spec'
import type { RowBlock } from '../placement/place-weights.ts'
import type { WeightUnit } from '../placement/weight-unit.ts'
import type { HeldRegions } from './held-regions.ts'
import { canBeReadAgain } from './read-unit.ts'
import { stagingAlignment } from './staging-ring.ts'
import { WeightPins } from './weight-pins.ts'

/** Where a row block rests. */
export interface RestingBlock extends RowBlock {
  /** In RAM always, on disk where the checkpoint has no bytes of its own. */
  readonly region: Region | undefined
  /** On the device. */
  readonly buffer: Span['buffer'] | undefined
}

/** Where the rows of a streamed unit rest once loaded; a host-visible backend knows no blocks on the device. */
export interface RestingUnit {
  readonly unit: WeightUnit
  readonly blocks: readonly RestingBlock[]
}

/** What resting weights are kept with. */
export interface RestingWeightsOptions {
  readonly backend: Backend
  readonly ram: HeldRegions
  readonly source: WeightSource
  /** Whether runs have buffers for what passes from files to the device. */
  readonly hasBounce: boolean
}

/**
 * Where streamed weights rest. What lies in RAM beside a device and in files of the checkpoint as well may leave RAM, and
 * come back: to leave costs nothing, and what comes back is kept as it passes by.
 */
export class RestingWeights {
  /** Matrices that have come back, whole. */
  readonly returned: WeightPins
  readonly #ram: HeldRegions
  readonly #units: Map<WeightUnit, RestingUnit>
  readonly #mayLeave: ReadonlySet<WeightUnit>
  readonly #hasBounce: boolean
  readonly #left = new Set<WeightUnit>()
  #freedBytes = 0
  /** RAM of the first matrix that left: what is read from files from then on passes through it. */
  #passage: Region | undefined

  constructor(units: Map<WeightUnit, RestingUnit>, { backend, ram, source, hasBounce }: RestingWeightsOptions) {
    this.#units = units
    this.#ram = ram
    this.#hasBounce = hasBounce
    this.#mayLeave = new Set([...units.keys()].filter((unit) => canBeReadAgain(source, unit)))
    this.returned = new WeightPins(backend, (byteLength) => backend.allocateHost(byteLength))
  }

  /** Where a streamed unit rests now. */
  get(unit: WeightUnit): RestingUnit {
    return this.#units.get(unit)!
  }

  /** Bytes of RAM that were there when all was loaded, and are free now. */
  get missingBytes(): number {
    return this.#freedBytes - this.returned.heldBytes
  }

  /** Whether a matrix has left RAM and not come back. */
  isMissing(unit: WeightUnit): boolean {
    return this.#left.has(unit) && !this.returned.has(unit)
  }

  /** Bytes of a unit in RAM. */
  ramBytes(unit: WeightUnit): number {
    if (this.returned.has(unit)) return unit.sizeBytes
    return this.#ramBlocks(unit).reduce((sum, { byteLength }) => sum + byteLength, 0)
  }

  /** Whether a unit can be read from files once its RAM is free. */
  mayLeave(unit: WeightUnit): boolean {
    return this.#mayLeave.has(unit)
  }

  /** Bytes of RAM that are not free once a matrix has left, because what is read from files has to pass through them. */
  passageBytes(unit: WeightUnit): number {
    if (this.#hasBounce || this.#passage !== undefined) return 0
    return this.#ramBlocks(unit)[0]?.byteLength ?? 0
  }

  /** Buffers that bytes pass through on their way from files to the device: one is filled while the other is copied. */
  get passage(): readonly Span<HostBuffer>[] {
    if (this.#passage === undefined) return []
    const buffer = this.#ram.view(this.#passage)
    const half = Math.floor(buffer.byteLength / 2 / stagingAlignment) * stagingAlignment
    return half === 0 ? [spanOf(buffer)] : [spanOf(buffer, 0, half), spanOf(buffer, half, half)]
  }

  /** Lets a matrix leave RAM that may; nothing may be reading it from there. @returns bytes that are free now */
  leave(unit: WeightUnit): number {
    if (this.returned.has(unit)) {
      this.returned.drop(unit)
      return unit.sizeBytes
    }
    const before = this.#freedBytes
    const passageBytes = this.passageBytes(unit)
    for (const { region } of this.#ramBlocks(unit)) {
      if (passageBytes > 0 && this.#passage === undefined) this.#passage = region
      else this.#free(region!)
    }
    const blocks = this.get(unit).blocks.map((block) =>
      block.tier === 'ram' ? ({ ...block, tier: 'disk', region: undefined } as const) : block,
    )
    this.#units.set(unit, { unit, blocks })
    this.#left.add(unit)
    return this.#freedBytes - before
  }

  /** Keeps a matrix that has left in RAM again from its next pass on. @throws {FlexgenError} `OUT_OF_MEMORY`; then it does not come back */
  comeBack(unit: WeightUnit): void {
    this.returned.pin(unit)
  }

  #ramBlocks(unit: WeightUnit): RestingBlock[] {
    return this.get(unit).blocks.filter(({ tier }) => tier === 'ram')
  }

  #free(region: Region): void {
    this.#freedBytes += region.byteLength
    this.#ram.free(region)
  }
}
