import { AbortedError, type Queue, type TierQueue, type TraceSink } from '@flexgen/spec'
import type { LoadedParts } from './loaded-parts.ts'
import { Cleanup } from './cleanup.ts'
import { countingTrace, type DiskTraffic } from '../report/disk-traffic.ts'
import { HeldBuffers } from './held-buffers.ts'
import { boundKernels } from './layer-runtime.ts'
import { bounceBytes, bounceCount, WeightLoader } from './weight-loader.ts'

/** The queues of a run but for those of the weights. */
export interface RunQueues {
  readonly compute: Queue
  readonly cacheLoad: Queue
  readonly cacheStore: Queue
  readonly hidden: Queue
  readonly hiddenLoad: Queue
  readonly cacheRead: TierQueue
  readonly cacheWrite: TierQueue
  readonly hiddenRead: TierQueue
  readonly hiddenWrite: TierQueue
  /** Rows of a token table on disk. */
  readonly rowRead: TierQueue
  /** Present where KV may change its home. */
  moves?: MoveQueues
  /** Present where the host attends. */
  readonly host?: HostQueues
}

/** Queues of KV that changes its home: to the device and away from it, from the disk and to it. */
export interface MoveQueues {
  readonly in: Queue
  readonly out: Queue
  readonly read: TierQueue
  readonly write: TierQueue
}

/** Queues of attention on the host: its own, and the device's for what goes there and back. */
export interface HostQueues {
  readonly compute: Queue
  readonly cacheLoad: Queue
  readonly cacheStore: Queue
  readonly out: Queue
  readonly in: Queue
}

/** What the resources of a run are made with. */
export interface RunResourcesOptions {
  readonly ringBytes: number
  /** What the disk queues add to. */
  readonly traffic: DiskTraffic
  readonly trace: TraceSink | undefined
}

/** Queues, rings and bindings of one call of `generate`; they end with it, since a failed queue stays failed. */
export class RunResources {
  readonly queues: RunQueues
  readonly loader: WeightLoader
  readonly #all: readonly (Queue | TierQueue)[]
  readonly #createMoves: () => MoveQueues
  readonly #cleanup: Cleanup

  private constructor(parts: LoadedParts, options: RunResourcesOptions, cleanup: Cleanup) {
    const { runtimes, resting, attentionHost, cacheMoves } = parts
    const { backend, disk, ram, weights } = parts.options
    const { ringBytes, traffic, trace } = options
    const { hostVisible } = backend.device
    this.#cleanup = cleanup
    const buffers = new HeldBuffers(backend)
    cleanup.add(() => buffers.free())
    const eachBounceBytes = bounceBytes(runtimes, hostVisible)
    const bounces = Array.from({ length: eachBounceBytes === 0 ? 0 : bounceCount }, () =>
      buffers.allocateHost(eachBounceBytes),
    )
    const reads = (name: string, kind: keyof DiskTraffic['read']): TierQueue =>
      disk.createQueue(name, countingTrace(traffic.read, kind, trace))
    const writes = (name: string, kind: keyof DiskTraffic['written']): TierQueue =>
      disk.createQueue(name, countingTrace(traffic.written, kind, trace))
    this.#createMoves = () => ({
      in: backend.createQueue('move in', trace),
      out: backend.createQueue('move out', trace),
      read: reads('move read', 'cache'),
      write: writes('move write', 'cache'),
    })
    this.queues = {
      compute: backend.createQueue('compute', trace),
      cacheLoad: backend.createQueue('load cache', trace),
      cacheStore: backend.createQueue('store cache', trace),
      hidden: backend.createQueue('hidden', trace),
      hiddenLoad: backend.createQueue('load hidden', trace),
      cacheRead: reads('cache read', 'cache'),
      cacheWrite: writes('cache write', 'cache'),
      hiddenRead: reads('hidden read', 'hidden'),
      hiddenWrite: writes('hidden write', 'hidden'),
      rowRead: reads('rows read', 'weights'),
      ...(cacheMoves !== 'never' && { moves: this.#createMoves() }),
      ...(attentionHost && {
        host: {
          compute: attentionHost.createQueue('host attention', trace),
          cacheLoad: attentionHost.createQueue('load cache on host', trace),
          cacheStore: attentionHost.createQueue('store cache on host', trace),
          out: backend.createQueue('attention out', trace),
          in: backend.createQueue('attention in', trace),
        },
      }),
    }
    const weightQueues = {
      diskQueue: reads('weights read', 'weights'),
      ramQueue: ram.createQueue('weights from RAM', trace),
      copyQueue: backend.createQueue('load weights', trace),
    }
    const { host, moves: _, ...own } = this.queues
    this.#all = [own, host ?? {}, weightQueues].flatMap((queues) => Object.values<Queue | TierQueue>(queues))
    this.loader = new WeightLoader({
      backend,
      source: weights,
      resting,
      ram,
      ringBytes,
      pins: parts.pins,
      bounce: bounces,
      ...weightQueues,
    })
    cleanup.add(() => this.loader.dropRing())
    cleanup.add(() => {
      parts.pins.endRun()
      resting.returned.endRun()
    })
    cleanup.add(() => {
      for (const { bindings } of boundKernels(runtimes)) for (const { binding } of bindings.splice(0)) binding.release()
    })
  }

  /** Makes everything; after a failure nothing is left. */
  static async open(parts: LoadedParts, options: RunResourcesOptions): Promise<RunResources> {
    const cleanup = new Cleanup()
    try {
      return new RunResources(parts, options, cleanup)
    } catch (error) {
      await cleanup.runAfterFailure()
      throw error
    }
  }

  get #everyQueue(): readonly (Queue | TierQueue)[] {
    return [...this.#all, ...Object.values<Queue | TierQueue>({ ...this.queues.moves })]
  }

  /** Makes the queues of moves anew: a failed one stays failed, and sweeps know nothing of it. */
  async renewMoves(): Promise<MoveQueues> {
    for (const queue of Object.values<Queue | TierQueue>({ ...this.queues.moves })) await queue.idle()
    this.queues.moves = this.#createMoves()
    return this.queues.moves
  }

  /** Drops what has not started; whoever waits for it gets the reason. */
  stop(reason: AbortedError): void {
    for (const queue of this.#everyQueue) queue.cancel(reason)
  }

  /** Settles once nothing that was queued is under way. */
  async idle(): Promise<void> {
    for (const queue of this.#everyQueue) await queue.idle()
  }

  /** Stops everything and frees it. */
  async close(): Promise<void> {
    this.stop(new AbortedError('the run has ended'))
    await this.idle()
    await this.#cleanup.run()
  }
}
