import { readFile } from 'node:fs/promises'
import {
  bytesOf,
  type Extent,
  type HostBuffer,
  type QueueEvent,
  type Region,
  SettableEvent,
  type Span,
  systemClock,
  TaskQueue,
  type Tier,
  UsageError,
} from '@flexgen/spec'

/** Ways in which a test breaks the toy on purpose. */
export type ToyDefect =
  | 'ignoreReadOffset'
  | 'ignoreWriteOffset'
  | 'reuseScratch'
  | 'copyInView'
  | 'firstExtentOnly'
  | 'neverWait'
  | 'failOnDoneEvent'
  | 'ignoreCancel'
  | 'earlyIdle'
  | 'lateFirstEvent'
  | 'lateListeners'
  | 'tasksAside'
  | 'freeAtOnce'
  | 'neverFree'
  | 'keepAfterDispose'
  | 'openForever'
  | 'countReadsTwice'
  | 'noRangeCheck'
  | 'noTargetCheck'
  | 'packRanges'
  | 'noExtentCheck'
  | 'noLengthCheck'
  | 'anyRegion'
  | 'anySize'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** An event that settles a turn after another one, or calls listeners only then. */
function later(event: QueueEvent, what: 'settles' | 'calls listeners'): QueueEvent {
  const late = new SettableEvent()
  event.onSettled((error) => void turn().then(() => late.settle(systemClock.now(), error)))
  if (what === 'settles') return late
  return {
    isDone: () => event.isDone(),
    get error() {
      return event.error
    },
    get completedAtMs() {
      return event.completedAtMs
    },
    whenDone: () => event.whenDone(),
    onSettled: (listener) => event.onSettled((error) => void turn().then(() => listener(error))),
  }
}

/** The smallest RAM tier that keeps the contract, but for the defect. */
export function createToyTier(defect?: ToyDefect): Tier {
  const regions = new Map<Region, Uint8Array>()
  const stats = { heldBytes: 0, peakHeldBytes: 0, regionBytesRead: 0, regionBytesWritten: 0, extentBytesRead: 0 }
  let isOpen = true
  const scratch = new Uint8Array(1 << 20)

  const contentOf = (region: Region, byteOffset = 0, byteLength = 0): Uint8Array => {
    const content = regions.get(region) ?? (defect === 'anyRegion' ? new Uint8Array(region.byteLength) : undefined)
    if (content === undefined) throw new UsageError('no such region')
    if (defect !== 'noRangeCheck' && (byteOffset < 0 || byteOffset + byteLength > content.byteLength))
      throw new UsageError('outside the region')
    return content
  }

  const createQueue: Tier['createQueue'] = (name, trace) => {
    const tasks = new TaskQueue({ name, clock: systemClock, trace })
    let queued = 0
    const push = (label: string, sizeBytes: number, run: () => void | Promise<void>): QueueEvent => {
      const event = tasks.push(label, sizeBytes, async () => {
        await turn()
        await run()
      })
      if (defect === 'lateListeners') return later(event, 'calls listeners')
      return defect === 'lateFirstEvent' && queued++ === 0 ? later(later(event, 'settles'), 'settles') : event
    }
    return {
      name,
      read(target: Span<HostBuffer>, region, byteOffset) {
        const content = contentOf(region, byteOffset, target.byteLength)
        return push('read', target.byteLength, async () => {
          const from = defect === 'ignoreReadOffset' ? 0 : byteOffset
          let part = content.subarray(from, from + target.byteLength)
          if (defect === 'reuseScratch') {
            scratch.set(part)
            await turn()
            part = scratch.subarray(0, part.byteLength)
          }
          bytesOf(target).set(part)
          stats.regionBytesRead += target.byteLength * (defect === 'countReadsTwice' ? 2 : 1)
        })
      },
      readRanges(target: Span<HostBuffer>, ranges) {
        for (const { targetOffset, byteLength } of ranges) {
          if (defect !== 'noTargetCheck' && (targetOffset < 0 || targetOffset + byteLength > target.byteLength))
            throw new UsageError('outside the target')
        }
        const contents = ranges.map(({ region, byteOffset, byteLength }) => contentOf(region, byteOffset, byteLength))
        return push('read ranges', target.byteLength, () => {
          for (const [i, { byteOffset, byteLength, targetOffset }] of ranges.entries()) {
            const part = contents[i]!.subarray(byteOffset, byteOffset + byteLength)
            bytesOf(target).set(part, defect === 'packRanges' ? i * byteLength : targetOffset)
            stats.regionBytesRead += byteLength
          }
        })
      },
      write(region, byteOffset, source) {
        const content = contentOf(region, byteOffset, source.byteLength)
        return push('write', source.byteLength, () => {
          content.set(bytesOf(source), defect === 'ignoreWriteOffset' ? 0 : byteOffset)
          stats.regionBytesWritten += source.byteLength
        })
      },
      readExtents(target, extents: readonly Extent[]) {
        const byteLength = extents.reduce((sum, extent) => sum + extent.byteLength, 0)
        if (defect === 'noLengthCheck') extents = extents.filter((extent) => extent.path.startsWith('/'))
        else if (byteLength !== target.byteLength) throw new UsageError('the target has another length')
        return push('extents', byteLength, async () => {
          let at = 0
          for (const extent of defect === 'firstExtentOnly' ? extents.slice(0, 1) : extents) {
            const file = await readFile(extent.path).catch((cause: unknown) => {
              throw new UsageError('no such file', { cause })
            })
            const part = file.subarray(extent.byteOffset, extent.byteOffset + extent.byteLength)
            if (part.byteLength < extent.byteLength && defect !== 'noExtentCheck')
              throw new UsageError('beyond the end')
            bytesOf(target).set(part, at)
            at += part.byteLength
          }
          stats.extentBytesRead += byteLength
        })
      },
      task(label, sizeBytes, run) {
        const aside = defect === 'tasksAside' ? new TaskQueue({ name, clock: systemClock }) : tasks
        return aside.push(label, sizeBytes, run)
      },
      wait(event) {
        if (defect === 'neverWait') return
        if (defect === 'failOnDoneEvent' && event.isDone()) tasks.cancel()
        tasks.wait(event)
      },
      cancel: (reason) => (defect === 'ignoreCancel' ? undefined : tasks.cancel(reason)),
      idle: () => (defect === 'earlyIdle' ? Promise.resolve() : tasks.idle()),
    }
  }

  return {
    specificationVersion: 'v1',
    name: 'toy',
    kind: 'ram',
    async allocate(byteLength) {
      if (!isOpen) throw new UsageError('the tier is disposed')
      if (defect === 'anySize') byteLength = Math.max(0, Math.floor(byteLength) || 0)
      if (!Number.isSafeInteger(byteLength) || byteLength < 0) throw new UsageError('that is no size')
      const region = { byteLength }
      regions.set(region, new Uint8Array(byteLength))
      stats.heldBytes += byteLength
      stats.peakHeldBytes = Math.max(stats.peakHeldBytes, stats.heldBytes)
      return region
    },
    free(region, ...after) {
      contentOf(region)
      if (defect === 'neverFree') return
      regions.delete(region)
      let open = defect === 'freeAtOnce' ? 1 : after.length + 1
      const settle = (): void => {
        if (--open === 0 && isOpen) stats.heldBytes -= region.byteLength
      }
      if (defect !== 'freeAtOnce') for (const event of after) event.onSettled(settle)
      settle()
    },
    view(region) {
      const bytes = contentOf(region)
      return { byteLength: bytes.byteLength, bytes: defect === 'copyInView' ? bytes.slice() : bytes }
    },
    createQueue,
    stats: () => ({ ...stats }),
    async [Symbol.asyncDispose]() {
      isOpen = defect === 'openForever'
      regions.clear()
      if (defect !== 'keepAfterDispose') stats.heldBytes = 0
    },
  }
}
