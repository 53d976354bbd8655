import { setTimeout } from 'node:timers/promises'
import type { FileHandle, FileSystem } from '@flexgen/spec'
import { systemError } from './system-error.ts'

/** A call of a file system or of one of its open files. */
export type FileCall = keyof FileSystem | keyof FileHandle

/** What goes wrong in a call. */
export type FaultEffect =
  /** The call fails with a system error such as `EIO` or `ENOSPC`, having done nothing. */
  | { readonly kind: 'error'; readonly code: string }
  /** A read or write moves at most this many bytes (a short read or write). */
  | { readonly kind: 'short'; readonly sizeBytes: number }
  /** A write writes this many bytes and then fails (a torn write). */
  | { readonly kind: 'torn'; readonly sizeBytes: number; readonly code: string }
  /** The call is done late. */
  | { readonly kind: 'delay'; readonly durationMs: number }
  /** The call is done once this has settled: what a test has to see before then, it sees on any machine. */
  | { readonly kind: 'hold'; readonly until: Promise<unknown> }

/** One fault: which calls it meets and what it does to them. */
export interface Fault {
  readonly on: FileCall
  /** Meets the n-th matching call, counted from 1; every matching call where absent. */
  readonly nth?: number
  /** With `nth`: how many calls from there on. Default 1. */
  readonly times?: number
  /** Only files whose path contains this. */
  readonly path?: string
  /** Meets, and counts, calls only while this holds. */
  readonly when?: () => boolean
  readonly effect: FaultEffect
}

/** The faults of a file system. */
export interface FaultPlan {
  readonly faults?: readonly Fault[]
  /** Files whose path contains the key end after so many bytes, whatever they hold. */
  readonly truncated?: Readonly<Record<string, number>>
}

/** A file system with faults, and what it did. */
export interface FaultyFileSystem extends FileSystem {
  /** How often each call was made. */
  readonly calls: ReadonlyMap<FileCall, number>
  /** How many faults have met a call. */
  readonly injectedCount: () => number
  /** How many files are open now. */
  readonly openCount: () => number
}

/**
 * Wraps a file system so that chosen calls fail, are short, torn or late, and chosen files are cut off.
 *
 * @param inner the file system that does the work, such as spec's `nodeFileSystem`
 */
export function createFaultyFileSystem(inner: FileSystem, plan: FaultPlan): FaultyFileSystem {
  const calls = new Map<FileCall, number>()
  const matches = (plan.faults ?? []).map((fault) => ({ fault, seen: 0 }))
  let injected = 0
  let open = 0

  /** Counts a call and gives how many bytes it may move; throws where the plan says so. */
  const meet = async (call: FileCall, path: string): Promise<Limit> => {
    calls.set(call, (calls.get(call) ?? 0) + 1)
    let limit: Limit = { sizeBytes: Number.POSITIVE_INFINITY }
    for (const match of matches) {
      const { on, nth, times = 1, path: part, when, effect } = match.fault
      if (on !== call || (part !== undefined && !path.includes(part)) || when?.() === false) continue
      match.seen++
      if (nth !== undefined && (match.seen < nth || match.seen >= nth + times)) continue
      injected++
      if (effect.kind === 'error') throw systemError(effect.code, call, path)
      if (effect.kind === 'delay') await setTimeout(effect.durationMs)
      else if (effect.kind === 'hold') await effect.until
      else limit = { sizeBytes: effect.sizeBytes, ...('code' in effect ? { code: effect.code } : {}) }
    }
    return limit
  }

  const endOf = (path: string): number => {
    const cuts = Object.entries(plan.truncated ?? {}).filter(([part]) => path.includes(part))
    return Math.min(Number.POSITIVE_INFINITY, ...cuts.map(([, sizeBytes]) => sizeBytes))
  }

  const wrap = (file: FileHandle, path: string): FileHandle => ({
    async read(target, position) {
      const { sizeBytes } = await meet('read', path)
      const count = Math.min(target.byteLength, sizeBytes, endOf(path) - position)
      return count <= 0 ? 0 : file.read(target.subarray(0, count), position)
    },
    async write(source, position) {
      const { sizeBytes, code } = await meet('write', path)
      const written = await file.write(source.subarray(0, Math.min(source.byteLength, sizeBytes)), position)
      if (code !== undefined) throw systemError(code, 'write', path)
      return written
    },
    async sizeBytes() {
      await meet('sizeBytes', path)
      return Math.min(await file.sizeBytes(), endOf(path))
    },
    async truncate(sizeBytes) {
      await meet('truncate', path)
      await file.truncate(sizeBytes)
    },
    async sync() {
      await meet('sync', path)
      await file.sync()
    },
    async close() {
      // A failing close still closes, as it does in the system.
      open--
      await file.close()
      await meet('close', path)
    },
  })

  return {
    calls,
    injectedCount: () => injected,
    openCount: () => open,
    async open(path, mode) {
      await meet('open', path)
      const file = await inner.open(path, mode)
      open++
      return wrap(file, path)
    },
    async readFile(path) {
      await meet('readFile', path)
      return (await inner.readFile(path)).subarray(0, Math.min(endOf(path), Number.MAX_SAFE_INTEGER))
    },
    async list(path) {
      await meet('list', path)
      return inner.list(path)
    },
    async makeFolder(path) {
      await meet('makeFolder', path)
      await inner.makeFolder(path)
    },
    async remove(path) {
      await meet('remove', path)
      await inner.remove(path)
    },
    async realPath(path) {
      await meet('realPath', path)
      return inner.realPath(path)
    },
    async stat(path) {
      await meet('stat', path)
      const found = await inner.stat(path)
      return found?.kind === 'file' ? { ...found, sizeBytes: Math.min(found.sizeBytes, endOf(path)) } : found
    },
  }
}

interface Limit {
  readonly sizeBytes: number
  readonly code?: string
}
