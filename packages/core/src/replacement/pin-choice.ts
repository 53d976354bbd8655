import { type LayerRuntime, streamedUnits } from '../engine/layer-runtime.ts'
import { leastRingBytes, lookAheadRingBytes } from '../engine/staging-ring.ts'
import type { WeightPins } from '../engine/weight-pins.ts'
import type { WeightUnit } from '../placement/weight-unit.ts'
import { spreadOrder } from './spread-order.ts'

/** Which matrices are pinned and dropped: spread evenly over the layers. */
export class PinChoice {
  readonly #pins: WeightPins
  readonly #layers: readonly (readonly WeightUnit[])[]
  readonly #units: readonly WeightUnit[]
  /** Bytes of the ring that is needed where nothing is pinned. */
  readonly leastRingOfAll: number
  #seen: { readonly changes: number; readonly streamedBytes: number; readonly leastBytes: number } | undefined

  constructor(pins: WeightPins, runtimes: readonly LayerRuntime[], hostVisible: boolean) {
    this.#pins = pins
    this.#layers = runtimes.map((runtime) => streamedUnits(runtime, hostVisible).map(({ unit }) => unit))
    this.leastRingOfAll = leastRingBytes(this.#layers.map((units) => units.map(({ sizeBytes }) => sizeBytes)))
    const streamed = this.#layers.flat().filter(({ kind }) => kind === 'matrix')
    this.#units = spreadOrder(streamed.length).map((i) => streamed[i]!)
  }

  /** Pins given matrices as long as `fits`. @throws {FlexgenError} `OUT_OF_MEMORY` */
  pinThese(units: readonly WeightUnit[], fits: () => boolean): void {
    for (const unit of units) {
      if (this.#pins.has(unit)) continue
      this.#pins.pin(unit)
      if (fits()) continue
      this.#pins.drop(unit)
      return
    }
  }

  /** Matrices that are pinned and there, those that are dropped last first. */
  get there(): WeightUnit[] {
    return this.#units.filter((unit) => this.#pins.isThere(unit))
  }

  /** Matrices that stream, those that are pinned first first. */
  get streamed(): WeightUnit[] {
    return this.#units.filter((unit) => !this.#pins.has(unit))
  }

  /** Bytes of matrices that stream on every sweep. */
  get streamedBytes(): number {
    return this.#look().streamedBytes
  }

  /** What is not pinned; looked at anew only where something was pinned or dropped. */
  #look(): { readonly streamedBytes: number; readonly leastBytes: number } {
    const { changes } = this.#pins
    if (this.#seen?.changes !== changes) {
      const streamed = this.#units.filter((unit) => !this.#pins.has(unit)).map(({ sizeBytes }) => sizeBytes)
      const streamedBytes = streamed.reduce((sum, sizeBytes) => sum + sizeBytes, 0)
      this.#seen = { changes, streamedBytes, leastBytes: Math.min(...streamed) }
    }
    return this.#seen
  }

  /** Bytes of the ring that what streams needs: for one layer at a time, and with layers ahead. */
  ringBytes(ahead: number): { readonly least: number; readonly wanted: number } {
    const pieces = this.#layers.map((units) => units.flatMap((unit) => (this.#pins.has(unit) ? [] : [unit.sizeBytes])))
    return { least: leastRingBytes(pieces), wanted: lookAheadRingBytes(pieces, ahead) }
  }

  /** Bytes of matrices that so much room would take. */
  fitting(roomBytes: number): number {
    if (roomBytes < this.#look().leastBytes) return 0
    let left = roomBytes
    for (const unit of this.#units) if (unit.sizeBytes <= left && !this.#pins.has(unit)) left -= unit.sizeBytes
    return roomBytes - left
  }

  /**
   * Pins matrices of at most so many bytes.
   * @returns bytes that are pinned now and were not before
   * @throws {FlexgenError} `OUT_OF_MEMORY`; what was pinned until then stays
   */
  pin(mostBytes: number): number {
    let left = mostBytes
    for (const unit of this.#units) {
      if (unit.sizeBytes > left || this.#pins.has(unit)) continue
      this.#pins.pin(unit)
      left -= unit.sizeBytes
    }
    return mostBytes - left
  }

  /** Drops matrices of at least so many bytes, or all. @returns bytes that were pinned and are not now */
  drop(leastBytes: number): number {
    let dropped = 0
    for (const unit of this.#units.toReversed()) {
      if (dropped >= leastBytes) break
      if (!this.#pins.has(unit)) continue
      this.#pins.drop(unit)
      dropped += unit.sizeBytes
    }
    return dropped
  }
}
