import type { TraceSink, TraceSpan } from '@flexgen/spec'

/** What a resource did in a sweep. */
export interface ResourceUse {
  /** What it worked on: of a link the bytes that passed, of attention on the host those of the KV, of the device its rows. */
  readonly bytes: number
  readonly busySeconds: number
}

/**
 * The resources that placement shifts work between; `chain` is the device, attention on the host and what they hand each other,
 * counted once where they work at once.
 */
export type ResourceName = 'stream' | 'host' | 'device' | 'chain' | 'out'

/** Use of every resource in a sweep: what weights and KV stream over, attention on the host, the device, and the way back. */
export type SweepUse = Readonly<Record<ResourceName, ResourceUse>>

/** Queues by what they keep busy: of a device with memory of its own the link, of a host the disk. */
type Resources = Readonly<Record<string, readonly ResourceName[]>>
const onDevice: Resources = {
  'load weights': ['stream'],
  'load cache': ['stream'],
  'move in': ['stream'],
  'attention in': ['stream', 'chain'],
  compute: ['device', 'chain'],
  'host attention': ['host', 'chain'],
  'store cache': ['out'],
  'move out': ['out'],
  'attention out': ['out', 'chain'],
}
const onHost: Resources = {
  'weights read': ['stream'],
  'rows read': ['stream'],
  'cache read': ['stream'],
  'move read': ['stream'],
  'hidden read': ['stream'],
  compute: ['device'],
  'cache write': ['out'],
  'move write': ['out'],
}

/** Spans of one resource since the last look, as numbers, so that nothing is allocated for a span. */
interface Counter {
  bytes: number
  readonly startsMs: number[]
  readonly endsMs: number[]
}

/** Adds up how busy resources are, from the spans of the queues. */
export class SweepUseMeter {
  readonly #resources: Resources
  readonly #counters: Readonly<Record<ResourceName, Counter>>

  constructor(hostVisible: boolean) {
    this.#resources = hostVisible ? onHost : onDevice
    const counter = (): Counter => ({ bytes: 0, startsMs: [], endsMs: [] })
    this.#counters = { stream: counter(), host: counter(), device: counter(), chain: counter(), out: counter() }
  }

  /** A trace that counts and passes spans on. */
  trace(next: TraceSink | undefined): TraceSink {
    return {
      span: (span) => {
        this.#add(span)
        next?.span(span)
      },
    }
  }

  /** What was done since the last call; what several queues did at once counts once. */
  take(): SweepUse {
    const { stream, host, device, chain, out } = this.#counters
    return {
      stream: takeUse(stream),
      host: takeUse(host),
      device: takeUse(device),
      chain: takeUse(chain),
      out: takeUse(out),
    }
  }

  #add({ queue, startMs, endMs, sizeBytes }: TraceSpan): void {
    for (const name of this.#resources[queue] ?? []) {
      const counter = this.#counters[name]
      counter.bytes += sizeBytes
      counter.startsMs.push(startMs)
      counter.endsMs.push(endMs)
    }
  }
}

function takeUse(counter: Counter): ResourceUse {
  const { bytes, startsMs, endsMs } = counter
  const order = [...startsMs.keys()].toSorted((a, b) => startsMs[a]! - startsMs[b]!)
  let busyMs = 0
  let reachedMs = Number.NEGATIVE_INFINITY
  for (const i of order) {
    busyMs += Math.max(0, endsMs[i]! - Math.max(startsMs[i]!, reachedMs))
    reachedMs = Math.max(reachedMs, endsMs[i]!)
  }
  counter.bytes = 0
  startsMs.length = 0
  endsMs.length = 0
  return { bytes, busySeconds: busyMs / 1000 }
}

/**
 * Use with the work of those that move no bytes, so that a change of their speed shows.
 * @param isAlone whether one batch was all: then device and host wait for each other, where else the host alone is the chain
 */
export function withWork(use: SweepUse, hostBytes: number, rows: number, isAlone: boolean): SweepUse {
  const host = { ...use.host, bytes: hostBytes }
  return { ...use, host, device: { ...use.device, bytes: rows }, chain: isAlone ? use.chain : host }
}
