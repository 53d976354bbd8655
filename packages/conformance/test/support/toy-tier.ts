import { readFile } from 'node:fs/promises'
import {
  bytesOf,
  type Extent,
  type HostBuffer,
  type QueueEvent,
  type Region,
  type Span,
  systemClock,
  TaskQueue,
  type Tier,
  UsageError,
} from '@flexgen/spec'

/** Parts of the toy that a test breaks on purpose. */
export interface ToyDefects {
  readonly ignoreReadOffset?: boolean
  readonly ignoreWriteOffset?: boolean
  readonly neverWait?: boolean
  readonly freeAtOnce?: boolean
  readonly neverFree?: boolean
  readonly noRangeCheck?: boolean
  readonly countReadsTwice?: boolean
  readonly copyInView?: boolean
  readonly reuseScratch?: boolean
  readonly keepAfterDispose?: boolean
  readonly firstExtentOnly?: boolean
}

/** The smallest RAM tier that keeps the contract, with defects to order. */
export function createToyTier(defects: ToyDefects = {}): Tier {
  const regions = new Map<Region, Uint8Array>()
  const stats = { heldBytes: 0, peakHeldBytes: 0, regionBytesRead: 0, regionBytesWritten: 0, extentBytesRead: 0 }
  let isOpen = true
  const scratch = new Uint8Array(1 << 20)

  const contentOf = (region: Region, byteOffset = 0, byteLength = 0): Uint8Array => {
    const content = regions.get(region)
    if (content === undefined) throw new UsageError('no such region')
    if (!defects.noRangeCheck && (byteOffset < 0 || byteOffset + byteLength > content.byteLength))
      throw new UsageError('outside the region')
    return content
  }
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

  const createQueue: Tier['createQueue'] = (name, trace) => {
    const tasks = new TaskQueue({ name, clock: systemClock, trace })
    const task = (label: string, sizeBytes: number, run: () => void | Promise<void>): QueueEvent =>
      tasks.push(label, sizeBytes, async () => {
        await turn()
        await run()
      })
    return {
      name,
      read(target: Span<HostBuffer>, region, byteOffset) {
        const content = contentOf(region, byteOffset, target.byteLength)
        return task('read', target.byteLength, async () => {
          const from = defects.ignoreReadOffset ? 0 : byteOffset
          let part = content.subarray(from, from + target.byteLength)
          if (defects.reuseScratch) {
            scratch.set(part)
            await turn()
            part = scratch.subarray(0, part.byteLength)
          }
          bytesOf(target).set(part)
          stats.regionBytesRead += target.byteLength * (defects.countReadsTwice ? 2 : 1)
        })
      },
      write(region, byteOffset, source) {
        const content = contentOf(region, byteOffset, source.byteLength)
        return task('write', source.byteLength, () => {
          content.set(bytesOf(source), defects.ignoreWriteOffset ? 0 : byteOffset)
          stats.regionBytesWritten += source.byteLength
        })
      },
      readExtents(target, extents: readonly Extent[]) {
        const byteLength = extents.reduce((sum, extent) => sum + extent.byteLength, 0)
        if (byteLength !== target.byteLength) throw new UsageError('the target has another length')
        return task('extents', byteLength, async () => {
          let at = 0
          for (const extent of defects.firstExtentOnly ? extents.slice(0, 1) : extents) {
            const file = await readFile(extent.path).catch((cause: unknown) => {
              throw new UsageError('no such file', { cause })
            })
            const part = file.subarray(extent.byteOffset, extent.byteOffset + extent.byteLength)
            if (part.byteLength < extent.byteLength) throw new UsageError('beyond the end')
            bytesOf(target).set(part, at)
            at += part.byteLength
          }
          stats.extentBytesRead += byteLength
        })
      },
      task,
      wait: (event) => (defects.neverWait ? undefined : tasks.wait(event)),
      cancel: (reason) => tasks.cancel(reason),
      idle: () => tasks.idle(),
    }
  }

  return {
    specificationVersion: 'v1',
    name: 'toy',
    kind: 'ram',
    async allocate(byteLength) {
      if (!isOpen || !Number.isSafeInteger(byteLength) || byteLength < 0) throw new UsageError('cannot allocate that')
      const region = { byteLength }
      regions.set(region, new Uint8Array(byteLength))
      stats.heldBytes += byteLength
      stats.peakHeldBytes = Math.max(stats.peakHeldBytes, stats.heldBytes)
      return region
    },
    free(region, ...after) {
      contentOf(region)
      if (defects.neverFree) return
      regions.delete(region)
      let open = defects.freeAtOnce ? 1 : after.length + 1
      const settle = (): void => {
        if (--open === 0 && isOpen) stats.heldBytes -= region.byteLength
      }
      if (!defects.freeAtOnce) for (const event of after) event.onSettled(settle)
      settle()
    },
    view(region) {
      const bytes = contentOf(region)
      return { byteLength: bytes.byteLength, bytes: defects.copyInView ? bytes.slice() : bytes }
    },
    createQueue,
    stats: () => ({ ...stats }),
    async [Symbol.asyncDispose]() {
      isOpen = false
      regions.clear()
      if (!defects.keepAfterDispose) stats.heldBytes = 0
    },
  }
}
