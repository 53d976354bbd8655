import { type Backend, type QueueEvent, spanOf } from '@flexgen/spec'
import type { MeasuredLink } from './measured-link.ts'

/** As large as the pieces of weights that stream, so often that starting and ending do not count; the best pass does. */
const trial = { pieceBytes: 48 * 2 ** 20, pieces: 16, passes: 3 } as const

/** Measures the link to a device with memory of its own, one direction at a time, with the backend's own host memory. */
export async function measureDeviceLinks(backend: Backend): Promise<MeasuredLink[]> {
  if (backend.device.hostVisible) return []
  const { pieceBytes, pieces, passes } = trial
  const host = backend.allocateHost(pieceBytes)
  const device = backend.allocate(pieceBytes)
  const queue = backend.createQueue('bandwidth')
  const copies = {
    'to device': () => queue.copyIn(spanOf(device), spanOf(host)),
    'from device': () => queue.copyOut(spanOf(host), spanOf(device)),
  } as const
  const best = async (copy: () => QueueEvent): Promise<number> => {
    // Page-locked memory is ready once a copy has waited for it.
    await copy().whenDone()
    let most = 0
    for (let pass = 0; pass < passes; pass++) {
      const startMs = performance.now()
      let last = copy()
      for (let i = 1; i < pieces; i++) last = copy()
      await last.whenDone()
      most = Math.max(most, (pieceBytes * pieces * 1000) / (performance.now() - startMs))
    }
    return most
  }
  try {
    const measured: MeasuredLink[] = []
    for (const link of ['to device', 'from device'] as const)
      measured.push({ link, direct: false, bytesPerSecond: await best(copies[link]) })
    return measured
  } finally {
    await queue.idle()
    backend.free(device)
    backend.free(host)
  }
}
