import type { CudaDriver } from '../driver/cuda-driver.ts'
import type { CudaHandle } from '../driver/cuda-functions.ts'
import { blockThreads, type DeviceKernels } from '../kernel/device-kernels.ts'

/** Bytes in host memory. */
export interface HostBytes {
  readonly address: bigint
  /** Where kernels see them; undefined where they do not. */
  readonly deviceAddress: bigint | undefined
  readonly byteLength: number
}

/** So large are the pieces of a copy, which end within a fraction of a millisecond each. */
const pieceBytes = 8 * 2 ** 20

/**
 * Copies of so many bytes at most are read by a kernel. The copy engine takes what it was given in order, whatever stream
 * it is for: on an H100 the 256 KB that attention on the host had brought waited up to 9 ms behind weights.
 */
const mostReadBytes = 2 ** 20
/** Enough for the link: 128 KB under way. */
const mostBlocks = 32

/** Hands a copy of host memory to a stream. */
export function copyToDevice(
  { driver, deviceKernels }: { readonly driver: CudaDriver; readonly deviceKernels: DeviceKernels },
  target: bigint,
  { address, deviceAddress, byteLength }: HostBytes,
  stream: CudaHandle,
): void {
  if (byteLength === 0) return
  if (deviceAddress !== undefined && byteLength <= mostReadBytes) {
    const blocks = Math.min(mostBlocks, Math.ceil(byteLength / 16 / blockThreads))
    deviceKernels.launch(
      {
        module: 'copy',
        name: 'copy_bytes',
        grid: [blocks, 1, 1],
        addresses: [deviceAddress, target],
        integers: [byteLength],
      },
      stream,
    )
    return
  }
  for (let at = 0; at < byteLength; at += pieceBytes) {
    const size = Math.min(pieceBytes, byteLength - at)
    driver.call.copyIn(target + BigInt(at), address + BigInt(at), size, stream)
  }
}
