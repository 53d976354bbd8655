import { readdirSync, readFileSync } from 'node:fs'
import { SampleList } from '../measure/sample-list.ts'
import type { ProcessMemory, ProcessMemorySample } from './process-memory.ts'

/** Watches the memory of a process and its children. */
export interface MemoryWatch {
  /** Ends the watch; undefined where the system has no /proc. */
  stop(): ProcessMemory | undefined
}

/** How often memory is read, and after how many readings the children are looked for again. */
const pace = { intervalMs: 100, readingsPerTree: 5 } as const

/** Reads the resident memory of a process and its children from /proc every 100 ms, until stopped. */
export function watchMemory(pid: number): MemoryWatch {
  const list = new SampleList<ProcessMemorySample>()
  let [peakRssBytes, peakAnonymousBytes, readings] = [0, 0, 0]
  let tree: number[] = []
  const read = (): void => {
    if (readings++ % pace.readingsPerTree === 0) tree = processTree(pid)
    const statuses = tree.flatMap((each) => statusOf(each) ?? [])
    if (statuses.length === 0) return
    const total = (key: keyof ProcessStatus): number => statuses.reduce((sum, status) => sum + status[key], 0)
    const sample = { atMs: Date.now(), rssBytes: total('rssBytes'), anonymousBytes: total('anonymousBytes') }
    list.add(sample)
    peakAnonymousBytes = Math.max(peakAnonymousBytes, sample.anonymousBytes)
    // The system remembers the peak of each process, also one that fell between two readings.
    peakRssBytes = Math.max(peakRssBytes, sample.rssBytes, ...statuses.map((status) => status.peakRssBytes))
  }
  read()
  const timer = setInterval(read, pace.intervalMs).unref()
  return {
    stop: () => {
      clearInterval(timer)
      return peakRssBytes === 0 ? undefined : { peakRssBytes, peakAnonymousBytes, samples: list.samples }
    },
  }
}

interface ProcessStatus {
  readonly rssBytes: number
  readonly anonymousBytes: number
  readonly peakRssBytes: number
}

/** Memory of one process by /proc; undefined once it has ended. */
export function statusOf(pid: number): ProcessStatus | undefined {
  const text = readText(`/proc/${pid}/status`)
  const bytesOf = (field: string): number =>
    1024 * Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text ?? '')?.[1] ?? 0)
  const rssBytes = bytesOf('VmRSS')
  if (rssBytes === 0) return undefined
  return { rssBytes, anonymousBytes: bytesOf('RssAnon'), peakRssBytes: bytesOf('VmHWM') }
}

/** A process and all that it has started; any thread may have. */
export function processTree(pid: number): number[] {
  let threads: string[]
  try {
    threads = readdirSync(`/proc/${pid}/task`)
  } catch {
    return [pid]
  }
  const children = threads.flatMap((thread) =>
    (readText(`/proc/${pid}/task/${thread}/children`) ?? '').split(' ').filter((each) => each !== ''),
  )
  return [pid, ...children.flatMap((child) => processTree(Number(child)))]
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
