import type { TraceSink, TraceSpan } from '@flexgen/spec'

/** What a resource did in a sweep. */
export interface ResourceUse {
  readonly bytes: number
  readonly busySeconds: number
}

/** The resources that placement shifts work between. */
export type ResourceName = 'stream' | 'host' | 'device' | 'out'

/** Use of every resource in a sweep: what weights and KV stream over, attention on the host, the device, and the way back. */
export type SweepUse = Readonly<Record<ResourceName, ResourceUse>>

/** Queues by what they keep busy: of a device with memory of its own the link, of a host the disk. */
const onDevice: Readonly<Record<string, ResourceName>> = {
  'load weights': 'stream',
  'load cache': 'stream',
  'move in': 'stream',
  'attention in': 'stream',
  compute: 'device',
  'host attention': 'host',
  'store cache': 'out',
  'move out': 'out',
  'attention out': 'out',
}
const onHost: Readonly<Record<string, ResourceName>> = {
  'weights read': 'stream',
  'rows read': 'stream',
  'cache read': 'stream',
  'hidden read': 'stream',
  compute: 'device',
  'cache write': 'out',
}

interface Counter {
  bytes: number
  busyMs: number
  reachedMs: number
}

/** Adds up how busy resources are, from the spans of the queues: without a clock of its own and without garbage. */
export class SweepUseMeter {
  readonly #resources: Readonly<Record<string, ResourceName>>
  readonly #counters = new Map<ResourceName, Counter>()

  constructor(hostVisible: boolean) {
    this.#resources = hostVisible ? onHost : onDevice
    for (const name of ['stream', 'host', 'device', 'out'] as const) {
      this.#counters.set(name, { bytes: 0, busyMs: 0, reachedMs: Number.NEGATIVE_INFINITY })
    }
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

  /** What was done since the last call. */
  take(): SweepUse {
    const use: Partial<Record<ResourceName, ResourceUse>> = {}
    for (const [name, counter] of this.#counters) {
      use[name] = { bytes: counter.bytes, busySeconds: counter.busyMs / 1000 }
      counter.bytes = 0
      counter.busyMs = 0
    }
    return use as SweepUse
  }

  /** Spans of one queue come in order; where queues share a resource, time that both use counts once. */
  #add({ queue, startMs, endMs, sizeBytes }: TraceSpan): void {
    const name = this.#resources[queue]
    if (name === undefined) return
    const counter = this.#counters.get(name)!
    counter.bytes += sizeBytes
    counter.busyMs += Math.max(0, endMs - Math.max(startMs, counter.reachedMs))
    counter.reachedMs = Math.max(counter.reachedMs, endMs)
  }
}
