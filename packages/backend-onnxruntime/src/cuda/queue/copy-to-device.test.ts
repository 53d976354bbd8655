import { expect, it } from 'vitest'
import type { CudaDriver } from '../driver/cuda-driver.ts'
import type { DeviceKernels } from '../kernel/device-kernels.ts'
import { copyToDevice } from './copy-to-device.ts'

const stream = 9n

/** What a copy of so many bytes hands to the stream. */
function handedOver(byteLength: number, deviceAddress: bigint | undefined): unknown[] {
  const calls: unknown[] = []
  const driver = { call: { copyIn: (...copy: unknown[]) => calls.push(copy) } } as unknown as CudaDriver
  const deviceKernels = {
    launch: ({ name, grid, addresses, integers }, on) => calls.push([name, grid, addresses, integers, on]),
  } as Pick<DeviceKernels, 'launch'> as DeviceKernels
  copyToDevice({ driver, deviceKernels }, 4096n, { address: 64n, deviceAddress, byteLength }, stream)
  return calls
}

it('a small copy is read by a kernel where kernels see host memory', () => {
  expect(handedOver(1, 128n)).toEqual([['copy_bytes', [1, 1, 1], [128n, 4096n], [1], stream]])
  expect(handedOver(2 ** 20, 128n)).toEqual([['copy_bytes', [32, 1, 1], [128n, 4096n], [2 ** 20], stream]])
  expect(handedOver(1000, undefined)).toEqual([[4096n, 64n, 1000, stream]])
  expect(handedOver(0, 128n)).toEqual([])
})

it('a large copy is cut, so that others get their turn', () => {
  const piece = 8 * 2 ** 20
  expect(handedOver(2 * piece + 5, 128n)).toEqual([
    [4096n, 64n, piece, stream],
    [4096n + BigInt(piece), 64n + BigInt(piece), piece, stream],
    [4096n + BigInt(2 * piece), 64n + BigInt(2 * piece), 5, stream],
  ])
})
