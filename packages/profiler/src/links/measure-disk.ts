import type { DiskLink, Rate } from '@flexgen/planner'
import { type Backend, type HostBuffer, type Region, spanOf, type Tier, type TierQueue } from '@flexgen/spec'
import type { MeasureEffort } from '../kernels/measure-effort.ts'
import { secondsOf, summarise } from '../timing/time-runs.ts'

/** Speeds of the disk of an offload directory. */
export interface MeasuredDisk {
  readonly read: DiskLink
  readonly write: DiskLink
  /** Fields that could not be measured, by their path. */
  readonly assumed: readonly string[]
}

/** A disk tier that says where it could not do as it was told. */
export interface NotingTier extends Tier {
  readonly notices: readonly string[]
}

/** Makes the disk tier of the offload directory, with reads around the page cache or through it. */
export type CreateDisk = (direct: boolean) => Promise<NotingTier>

/** Bytes of one read or write of the queue; the tier cuts them as it does for weights. */
const stepBytes = 48 * 2 ** 20

/** A file of the offload directory that is read and written from end to end. */
export class DiskProbe {
  readonly tier: Tier
  readonly #region: Region
  readonly #buffer: HostBuffer
  readonly #backend: Backend
  readonly #queue: TierQueue

  private constructor(tier: Tier, region: Region, backend: Backend) {
    this.tier = tier
    this.#region = region
    this.#backend = backend
    this.#buffer = backend.allocateHost(Math.min(stepBytes, region.byteLength))
    this.#buffer.bytes.fill(0x5a)
    this.#queue = tier.createQueue('profile')
  }

  static async create(tier: Tier, sizeBytes: number, backend: Backend): Promise<DiskProbe> {
    return new DiskProbe(tier, await tier.allocate(sizeBytes), backend)
  }

  /** Bytes a second of one pass over the file. */
  async pass(direction: 'read' | 'write'): Promise<number> {
    const { byteLength } = this.#region
    const seconds = await secondsOf(async () => {
      for (let at = 0; at < byteLength; at += this.#buffer.byteLength) {
        const span = spanOf(this.#buffer, 0, Math.min(this.#buffer.byteLength, byteLength - at))
        if (direction === 'read') this.#queue.read(span, this.#region, at)
        else this.#queue.write(this.#region, at, span)
      }
      await this.#queue.idle()
    })
    return byteLength / seconds
  }

  /** Passes until the time is up, with the speed of each. */
  async passesFor(seconds: number, direction: 'read' | 'write'): Promise<number[]> {
    const endMs = performance.now() + seconds * 1000
    const speeds: number[] = []
    do speeds.push(await this.pass(direction))
    while (performance.now() < endMs)
    return speeds
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue.idle()
    this.#backend.free(this.#buffer)
    this.tier.free(this.#region)
  }
}

/** Measures reads and writes of the offload directory with the engine's own tier. */
export async function measureDisk(
  createDisk: CreateDisk,
  backend: Backend,
  { fileBytes, readSeconds }: MeasureEffort,
): Promise<MeasuredDisk> {
  const through = await (async () => {
    await using tier = await createDisk(false)
    await using probe = await DiskProbe.create(tier, fileBytes, backend)
    const write = rateOf(await probe.passesFor(readSeconds / 4, 'write'))
    // The first pass waits for what has not been written out yet.
    await probe.pass('read')
    const cached = rateOf(await probe.passesFor(readSeconds / 4, 'read'))
    return { write, cached }
  })()
  await using tier = await createDisk(true)
  await using probe = await DiskProbe.create(tier, fileBytes, backend)
  await probe.pass('write')
  const speeds = await probe.passesFor(readSeconds, 'read')
  // Disks give more at first than they keep up: what they keep up counts.
  const kept = rateOf(speeds.slice(Math.floor(speeds.length / 2)))
  const isDirect = tier.notices.length === 0
  const direct = isDirect ? kept : through.cached
  return {
    read: { direct, buffered: slower(direct, through.cached), cached: through.cached },
    write: { direct: through.write, buffered: through.write },
    assumed: ['links.diskRead.buffered', 'links.diskWrite.direct', ...(isDirect ? [] : ['links.diskRead.direct'])],
  }
}

function slower(a: Rate, b: Rate): Rate {
  return a.bytesPerSecond < b.bytesPerSecond ? a : b
}

function rateOf(speeds: readonly number[]): Rate {
  const { seconds, spread } = summarise(speeds.map((speed) => 1 / speed))
  return { bytesPerSecond: 1 / seconds, spread }
}
