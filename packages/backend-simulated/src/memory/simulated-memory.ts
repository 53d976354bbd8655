import { type DeviceBuffer, type HostBuffer, UsageError } from '@flexgen/spec'
import { LazyBytes } from './lazy-bytes.ts'

/** Memory of a simulated backend: a size, and where JavaScript sees it bytes that are made when they are asked for. */
export class SimulatedMemory {
  readonly byteLength: number
  /** Who allocated it. */
  readonly owner: object
  readonly use: 'device' | 'host'
  isFreed = false
  /** Host memory that was copied here from its first byte on: what kernels read of their small inputs. */
  source: SimulatedMemory | undefined
  /** The bytes, once somebody has asked for the memory behind them. */
  made: Uint8Array<ArrayBuffer> | undefined
  /** Places of the float32 ones in it, where it holds logits. */
  ones: readonly number[] = []

  constructor(owner: object, use: 'device' | 'host', byteLength: number) {
    this.owner = owner
    this.use = use
    this.byteLength = byteLength
  }

  /** Replaces the logits of a range, counted in float32 values: zeros but for `ones`, places in the whole memory. */
  setOnes(ones: readonly number[], first: number, count: number): void {
    const isReplaced = (at: number): boolean => at >= first && at < first + count
    if (this.made !== undefined) {
      const floats = new Float32Array(this.made.buffer, 0, Math.floor(this.byteLength / 4))
      for (const at of this.ones) if (isReplaced(at)) floats[at] = 0
      for (const at of ones) floats[at] = 1
    }
    this.ones = [...this.ones.filter((at) => !isReplaced(at)), ...ones]
  }

  /** @throws {UsageError} after it was freed */
  assertLive(what: string): void {
    if (this.isFreed) throw new UsageError(`${what} was freed`)
  }
}

/** Memory that JavaScript sees. */
export class VisibleMemory extends SimulatedMemory implements HostBuffer {
  #bytes: LazyBytes | undefined

  get bytes(): Uint8Array {
    this.assertLive('the buffer')
    this.#bytes ??= LazyBytes.create(this.byteLength, (made) => {
      this.made = made
      this.setOnes(this.ones, 0, this.byteLength / 4)
    })
    return this.#bytes
  }
}

/** The simulated memory behind a buffer; undefined for a buffer of somebody else. */
export function memoryOf(buffer: HostBuffer | DeviceBuffer): SimulatedMemory | undefined {
  return buffer instanceof SimulatedMemory ? buffer : undefined
}
