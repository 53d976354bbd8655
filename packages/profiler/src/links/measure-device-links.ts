import type { HardwareProfile, HostLink, Rate, SharedLinks } from '@flexgen/planner'
import { type Backend, type DeviceBuffer, type HostBuffer, type Queue, type Span, spanOf } from '@flexgen/spec'
import type { MeasureEffort } from '../kernels/measure-effort.ts'
import { secondsOf, timeRuns } from '../timing/time-runs.ts'

/** The links of a device with memory of its own. */
export interface MeasuredDeviceLinks {
  readonly links: Pick<HardwareProfile['links'], 'hostToDevice' | 'deviceToHost' | 'pinning'>
  readonly shared: readonly SharedLinks[]
  readonly transferSeconds: number
}

/**
 * Measures copies from and to a device: pinned and pageable memory, both ways at once, what a tiny one costs, and how fast
 * pinned memory comes.
 */
export async function measureDeviceLinks(
  backend: Backend,
  { timing, copyBytes, pinnedBytes }: MeasureEffort,
): Promise<MeasuredDeviceLinks> {
  const pinning = await pinningRate(backend, pinnedBytes)
  const queues = { in: backend.createQueue('profile in'), out: backend.createQueue('profile out') }
  const pinned = [backend.allocateHost(copyBytes), backend.allocateHost(copyBytes)] as const
  const pageable: HostBuffer = { byteLength: copyBytes, bytes: new Uint8Array(copyBytes).fill(1) }
  const device = [backend.allocate(copyBytes), backend.allocate(copyBytes)] as const
  type Copy = (queue: Queue, target: Span<DeviceBuffer>, host: Span<HostBuffer>) => void
  const copyIn: Copy = (queue, target, host) => void queue.copyIn(target, host)
  const copyOut: Copy = (queue, source, host) => void queue.copyOut(host, source)
  const many = (queue: Queue, copy: Copy, at: 0 | 1, host: HostBuffer, sizeBytes = copyBytes) => {
    return async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) copy(queue, spanOf(device[at], 0, sizeBytes), spanOf(host, 0, sizeBytes))
      await queue.idle()
    }
  }
  const rate = async (run: (count: number) => Promise<void>): Promise<Rate> => {
    const { seconds, spread } = await timeRuns(run, timing)
    return { bytesPerSecond: copyBytes / seconds, spread }
  }
  try {
    const link = async (queue: Queue, copy: Copy, at: 0 | 1): Promise<HostLink> => ({
      pinned: await rate(many(queue, copy, at, pinned[at])),
      pageable: await rate(many(queue, copy, at, pageable)),
    })
    const hostToDevice = await link(queues.in, copyIn, 0)
    const deviceToHost = await link(queues.out, copyOut, 1)
    const both = await timeRuns(async (count) => {
      await Promise.all([many(queues.in, copyIn, 0, pinned[0])(count), many(queues.out, copyOut, 1, pinned[1])(count)])
    }, timing)
    const together = copyBytes / both.seconds
    const tiny = await timeRuns(many(queues.in, copyIn, 0, pinned[0], 4096), timing)
    return {
      links: { hostToDevice, deviceToHost, pinning },
      shared: [{ links: ['hostToDevice', 'deviceToHost'], bytesPerSecond: [together, together] }],
      transferSeconds: tiny.seconds,
    }
  } finally {
    await queues.in.idle()
    await queues.out.idle()
    for (const buffer of [...pinned, ...device]) backend.free(buffer)
  }
}

/** Bytes a second at which host memory comes that a device can copy from. */
async function pinningRate(backend: Backend, byteLength: number): Promise<Rate> {
  const queue = backend.createQueue('profile pinning')
  const target = backend.allocate(1)
  const seconds = await secondsOf(async () => {
    const host = backend.allocateHost(byteLength)
    // Some backends page-lock beside other work: the memory is there once its end was copied.
    await queue.copyIn(spanOf(target), spanOf(host, byteLength - 1, 1)).whenDone()
    backend.free(host)
  })
  backend.free(target)
  return { bytesPerSecond: byteLength / seconds }
}
