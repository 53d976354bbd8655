import { readFile, readlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { processStart } from './process-start.ts'

/** The process that an offload folder belongs to; what the system does not tell is undefined. */
export interface Owner {
  readonly createdBy: '@flexgen/storage'
  readonly pid: number
  /** Start of the process in clock ticks since boot. */
  readonly startTicks?: string | undefined
  readonly bootId?: string | undefined
  /** Process ids mean something only inside their namespace (a container has its own). */
  readonly pidNamespace?: string | undefined
  readonly host: string
}

/** This process as an owner. */
export async function currentOwner(): Promise<Owner> {
  const [startTicks, bootId, pidNamespace] = await Promise.all([
    processStart('self'),
    readFile('/proc/sys/kernel/random/boot_id', 'latin1').then((text) => text.trim(), ignore),
    readlink('/proc/self/ns/pid').catch(ignore),
  ])
  return { createdBy: '@flexgen/storage', pid: process.pid, startTicks, bootId, pidNamespace, host: hostname() }
}

/** Reads what `JSON.stringify` made of an owner; undefined for anything else. */
export function parseOwner(text: string): Owner | undefined {
  try {
    const owner = JSON.parse(text) as Partial<Owner> | null
    const known = owner?.createdBy === '@flexgen/storage' && typeof owner.host === 'string'
    return known && Number.isSafeInteger(owner.pid) && owner.pid! > 0 ? (owner as Owner) : undefined
  } catch {
    return undefined
  }
}

/**
 * Whether the owner has certainly ended. An owner that cannot be judged from here (another machine that shares the
 * folder, another container) counts as alive: a left-over costs space, a deleted live file costs a run.
 */
export async function isGone(owner: Owner, current: Owner): Promise<boolean> {
  if (owner.host !== current.host) return false
  if (differ(owner.bootId, current.bootId)) return true
  if (differ(owner.pidNamespace, current.pidNamespace)) return false
  if (!isRunning(owner.pid)) return true
  return differ(owner.startTicks, await processStart(owner.pid))
}

/** Whether a process here has this number. */
export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // A process of another user is there, too, but may not be signalled.
    return (error as { code?: unknown }).code !== 'ESRCH'
  }
}

function differ(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && other !== undefined && one !== other
}

function ignore(): undefined {
  return undefined
}
