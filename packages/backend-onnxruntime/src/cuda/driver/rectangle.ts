import type { CudaDriver } from './cuda-driver.ts'
import type { CudaHandle } from './cuda-functions.ts'

/** Where the lines of a rectangle lie. */
export interface RectangleSide {
  readonly memory: 'host' | 'device'
  readonly address: bigint
  /** Bytes from the start of a line to that of the next. */
  readonly pitch: number
}

/** Layout of `CUDA_MEMCPY2D` in 64-bit words: x, y, memory type, host, device, array, pitch; the same of the target. */
const words = {
  sourceType: 2,
  sourceHost: 3,
  sourceDevice: 4,
  sourcePitch: 6,
  target: 7,
  width: 14,
  height: 15,
} as const
const memoryTypes = { host: 1n, device: 2n } as const

/** Copies `height` lines of `width` bytes. The driver reads the description before the call returns. */
export function createRectangleCopy(
  driver: CudaDriver,
): (target: RectangleSide, source: RectangleSide, width: number, height: number, stream: CudaHandle) => void {
  const copy = new BigUint64Array(16)
  const fill = (offset: number, { memory, address, pitch }: RectangleSide): void => {
    copy[offset + words.sourceType] = memoryTypes[memory]
    copy[offset + words.sourceHost] = memory === 'host' ? address : 0n
    copy[offset + words.sourceDevice] = memory === 'device' ? address : 0n
    copy[offset + words.sourcePitch] = BigInt(pitch)
  }
  return (target, source, width, height, stream) => {
    fill(0, source)
    fill(words.target, target)
    copy[words.width] = BigInt(width)
    copy[words.height] = BigInt(height)
    driver.call.copyRectangle(copy, stream)
  }
}
