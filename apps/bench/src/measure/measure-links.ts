import { spanOf, systemClock } from '@flexgen/spec'
import { defaultOffloadDir, expandHome, openBackend } from 'flexgen'
import { measureDeviceLinks } from './measure-device-links.ts'
import type { MeasuredLink } from './measured-link.ts'

/** What links are measured with. */
export interface MeasureLinksOptions {
  readonly backend: string
  readonly offloadDir?: string | undefined
}

/** Bytes that are written once and read several times; the fastest pass counts. */
const trial = { sizeBytes: 192 * 2 ** 20, stepBytes: 48 * 2 ** 20, passes: 3 } as const

/**
 * Measures the disk of the offload directory with the engine's own disk tier and host memory: writes, reads through
 * the page cache, and, where the system can, reads around it; and the link to a device with memory of its own.
 * @throws {FlexgenError} where no backend works or the folder cannot be written
 */
export async function measureLinks({ backend: name, offloadDir }: MeasureLinksOptions): Promise<MeasuredLink[]> {
  const { createDiskTier } = await import('@flexgen/storage')
  const { backend } = await openBackend(name)
  await using _ = backend
  const folder = expandHome(offloadDir ?? defaultOffloadDir())
  const buffer = backend.allocateHost(trial.stepBytes)
  const links: MeasuredLink[] = await measureDeviceLinks(backend)
  for (const direct of [false, true]) {
    await using tier = await createDiskTier({ offloadDir: folder, clock: systemClock, direct })
    const region = await tier.allocate(trial.sizeBytes)
    const queue = tier.createQueue('bandwidth')
    const pass = async (move: (byteOffset: number) => unknown): Promise<number> => {
      const startMs = performance.now()
      for (let at = 0; at < trial.sizeBytes; at += trial.stepBytes) move(at)
      await queue.idle()
      return (trial.sizeBytes * 1000) / (performance.now() - startMs)
    }
    const written = await pass((at) => queue.write(region, at, spanOf(buffer)))
    const read: number[] = []
    // The first pass waits for what has not been written out yet.
    for (let i = 0; i <= trial.passes; i++) read.push(await pass((at) => queue.read(spanOf(buffer), region, at)))
    // A tier that cannot read around the page cache says so.
    if (direct && tier.notices.length > 0) break
    if (!direct) links.push({ link: 'disk write', direct, bytesPerSecond: written })
    links.push({ link: 'disk read', direct, bytesPerSecond: Math.max(...read.slice(1)) })
  }
  backend.free(buffer)
  return links
}
