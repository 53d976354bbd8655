import { setImmediate as nextTurn } from 'node:timers/promises'
import { type QueueEvent, systemClock } from '@flexgen/spec'
import { cutBatches, type LiveRow, type Step, sweep } from '../schedule/sweep.ts'
import { BatchState } from './batch-state.ts'
import type { BlockPlan } from './block-plan.ts'
import type { BlockCache } from '../replacement/block-cache.ts'
import { CacheMoves } from './cache-moves.ts'
import { CacheStore } from './cache-store.ts'
import { Cleanup } from './cleanup.ts'
import { type HeadRow, headOutputs, holdOutputs, outputToRead } from './head-outputs.ts'
import { HeldBuffers } from './held-buffers.ts'
import { HiddenStore } from './hidden-store.ts'
import { findGatheredTable, type LayerRuntime } from './layer-runtime.ts'
import type { LoadedParts } from './loaded-parts.ts'
import type { RowGatherOptions } from './row-gather.ts'
import type { MoveQueues, RunResources } from './run-resources.ts'
import { StageRunner } from './stage-runner.ts'
import type { LoadedLayer } from './weight-loader.ts'

/** What a block runs with. */
export interface BlockOptions {
  readonly parts: LoadedParts
  readonly plan: BlockPlan
  readonly run: RunResources
  /** Layers whose weights are asked for ahead of the one that computes. */
  readonly lookAhead: number
  readonly pagePositions: number
  /** Whether somebody reads logits, and not just the ids that greedy decoding takes. */
  readonly needsLogits: boolean
  readonly signal: AbortSignal | undefined
  /** Where given, every step ends before the next begins, and its time is told. */
  readonly onStep: ((task: string, durationMs: number) => void) | undefined
}

/**
 * Layers that are queued at most beyond the one that has ended. More would fill no gap, but hold a whole sweep's
 * events and keep the loop from timers and signals until all of it is queued.
 */
const queuedLayers = 4

/**
 * Longest time in milliseconds for which steps are handed over without a turn of the event loop. Attention on the host beside a card begins
 * in such a turn: on an H100 its first batch waited 16 ms for four layers to be handed over, and sweeps of OPT-6.7B whose KV lies
 * on the host took 0.465 s with turns every tenth of a millisecond and 0.480 every half (medians of two runs of each in turn).
 */
const mostTurnMs = { beside: 0.1, alone: 0.5 } as const

/** Runs the sweeps of one block of sequences: the only place where schedule, stores and kernels meet. */
export class BlockRun {
  readonly #options: BlockOptions
  readonly #cleanup = new Cleanup()
  #batches: readonly BatchState[] = []
  /** The batches of a sweep with one token a row; the same, or fewer that hold more rows. */
  #decodeBatches: readonly BatchState[] = []
  /** Place of a layer's KV in the cache store, by the layer's index. */
  readonly #cacheIndex: ReadonlyMap<number, number>
  #cache!: CacheStore
  #moves: CacheMoves | undefined
  #hidden!: HiddenStore
  #runner!: StageRunner
  /** Weights of the layer that computes. */
  #weights: LoadedLayer | undefined
  /** End of the copies that bring the KV of the batch that was loaded last to the device. */
  #cacheLoaded: QueueEvent | undefined

  private constructor(options: BlockOptions) {
    this.#options = options
    const cached = options.parts.runtimes.filter((runtime) => runtime.hasCache)
    this.#cacheIndex = new Map(cached.map((runtime, i) => [runtime.index, i]))
  }

  /** Allocates everything that the block needs; after a failure nothing is left. */
  static async create(options: BlockOptions): Promise<BlockRun> {
    const run = new BlockRun(options)
    try {
      await run.#allocate()
      return run
    } catch (error) {
      await run.#cleanup.runAfterFailure()
      throw error
    }
  }

  async #allocate(): Promise<void> {
    const { plan, pagePositions, parts } = this.#options
    const { queues } = this.#options.run
    const { backend, ram, disk } = parts.options
    const { attentionHost, cacheMoves } = parts
    this.#cache = await CacheStore.create({
      device: {
        backend,
        slotRows: plan.cacheSlotRows.device,
        loadQueue: queues.cacheLoad,
        storeQueue: queues.cacheStore,
      },
      host: attentionHost && {
        backend: attentionHost,
        slotRows: plan.cacheSlotRows.host,
        loadQueue: queues.host!.cacheLoad,
        storeQueue: queues.host!.cacheStore,
      },
      ram,
      disk,
      pagePositions,
      spec: plan.cacheSpec,
      homes: plan.cacheHomes,
      rowsSideBySide: cacheMoves === 'never' ? plan.decodeBatchRows : 1,
      mayMoveToDisk: cacheMoves !== 'never',
      readQueue: queues.cacheRead,
      writeQueue: queues.cacheWrite,
    })
    this.#cleanup.add(() => this.#cache.dispose())
    if (queues.moves !== undefined) this.#moves = this.#createMoves(queues.moves)
    this.#hidden = await HiddenStore.create({
      backend,
      ram,
      disk,
      isSplit: attentionHost !== undefined,
      batchHomes: plan.hiddenHomes,
      maxRowBytes: plan.hiddenRowBytes,
      copyQueue: queues.hidden,
      loadQueue: queues.hiddenLoad,
      readQueue: queues.hiddenRead,
      writeQueue: queues.hiddenWrite,
    })
    this.#cleanup.add(() => this.#hidden.dispose())
    const buffers = new HeldBuffers(backend)
    this.#cleanup.add(() => buffers.free())
    this.#allocateBatches(buffers)
    this.#runner = new StageRunner({ parts, plan, run: this.#options.run, hidden: this.#hidden, buffers })
  }

  #createMoves(queues: MoveQueues): CacheMoves {
    const { plan, parts, run } = this.#options
    const buffers = new HeldBuffers(parts.options.backend)
    this.#cleanup.add(() => buffers.free())
    return new CacheMoves({
      store: this.#cache,
      queues,
      renewQueues: () => run.renewMoves(),
      staging: buffers.allocateHost(this.#cache.units.pageBufferBytes),
      keepsShadows: parts.cacheMoves === 'followed',
      scratch: () => ({ cache: buffers.allocateCache(plan.cacheSpec, 1), row: 0 }),
    })
  }

  #allocateBatches(buffers: HeldBuffers): void {
    const { plan, parts, needsLogits } = this.#options
    const { policy, model } = parts.options
    const { sequences, maxPromptTokens } = plan.shape
    const outputs = holdOutputs(headOutputs(parts.runtimes), plan.headPositions, buffers)
    const shared = {
      model,
      headPositions: parts.allPositions ? 'all' : 'last',
      outputs,
      read: outputToRead(outputs, needsLogits),
      gather: this.#gather(),
    } as const
    const create = (size: number, seq: number): BatchState[] =>
      cutBatches([...Array(sequences).keys()], size).map(
        ({ length }, k) => new BatchState(buffers, { ...shared, rows: length, seq, firstRow: k * size }),
      )
    this.#batches = create(policy.gpuBatchSize, maxPromptTokens)
    this.#decodeBatches = plan.decodeBatchRows === policy.gpuBatchSize ? this.#batches : create(plan.decodeBatchRows, 1)
  }

  #gather(): RowGatherOptions | undefined {
    const { parts, run } = this.#options
    const unit = findGatheredTable(parts.runtimes)
    if (unit === undefined) return undefined
    const { ram, weights } = parts.options
    return { ram, source: weights, diskQueue: run.queues.rowRead, table: parts.resting.get(unit) }
  }

  /**
   * One token for every live row.
   * @param visit gets what the head gave for every row's new positions, valid until the next sweep
   * @param continues whether another sweep will follow, so that its first weights may stream already
   */
  async sweep(
    rows: readonly LiveRow[],
    tokenOf: (row: LiveRow, index: number) => number,
    visit: (row: LiveRow, given: HeadRow) => void,
    continues: boolean,
  ): Promise<void> {
    const { parts, plan, run, lookAhead, signal, onStep } = this.#options
    const { runtimes } = parts
    const { policy, clock = systemClock } = parts.options
    const isSequential = !policy.overlap || onStep !== undefined
    let startedAtMs = clock.now()
    /** Ends a step of a sequential run. */
    const settle = async (task: string): Promise<void> => {
      await run.idle()
      const nowMs = clock.now()
      onStep?.(task, nowMs - startedAtMs)
      startedAtMs = nowMs
    }
    this.#hidden.begin()
    const isDecode = rows.every(({ newTokens }) => newTokens === 1)
    const isMerged = isDecode && this.#mayMerge(rows)
    const states = isMerged ? this.#decodeBatches : this.#batches
    const batches = cutBatches(rows, isMerged ? plan.decodeBatchRows : policy.gpuBatchSize).map((batchRows, k) => {
      const state = states[k]!
      state.begin(batchRows, tokenOf, run.queues.compute)
      return state
    })
    const steps = sweep({
      firstLayer: 0,
      endLayer: runtimes.length,
      batches: batches.length,
      hasCache: (layer) => runtimes[layer]!.hasCache,
      isSplit: (layer) => runtimes[layer]!.stages.length > 1,
      isReady: () => run.loader.hasRoom,
      lookAhead,
      startsWarm: run.loader.isWarm,
      continues,
    })
    run.loader.isWarm = continues
    if (isSequential) await settle('inputs')
    const layerEnds: QueueEvent[] = []
    const turnMs = run.queues.host === undefined ? mostTurnMs.alone : mostTurnMs.beside
    let turnedAtMs = clock.now()
    for (const step of steps) {
      signal?.throwIfAborted()
      if (clock.now() - turnedAtMs > turnMs) {
        await nextTurn()
        turnedAtMs = clock.now()
      }
      const isFirst = step.task === 'compute' && step.batch === 0 && step.part !== 'end'
      if (isFirst && layerEnds.length >= queuedLayers) await layerEnds.shift()!.whenDone()
      this.#run(step, batches[step.batch]!, batches.length)
      const isLast = step.task === 'compute' && step.batch === batches.length - 1 && step.part !== 'start'
      if (isLast) layerEnds.push(batches[step.batch]!.computed!)
      // The same steps and the same tokens, one after the other.
      if (isSequential) await settle(taskOf(step, runtimes[step.layer]!))
    }
    for (const state of batches) await state.finish(visit)
    if (isSequential) await settle('sample')
  }

  /** Whether several batches may decode as one: nothing of them moves between tiers. */
  #mayMerge(rows: readonly LiveRow[]): boolean {
    const { parts, plan } = this.#options
    if (plan.decodeBatchRows === parts.options.policy.gpuBatchSize) return false
    return parts.cacheMoves === 'never' || this.#cache.isAtHand(rows)
  }

  #run({ task, layer, batch, part }: Step, state: BatchState, batches: number): void {
    const { parts, run } = this.#options
    const runtime = parts.runtimes[layer]!
    switch (task) {
      case 'loadWeight':
        if (batch === 0) run.loader.request(runtime, batches)
        return run.loader.proceed(this.#cacheLoaded)
      case 'loadCache':
        state.cache = this.#cache.load(this.#cacheIndex.get(layer)!, state.rows)
        this.#cacheLoaded = state.cache.lanes.device.copied
        return
      case 'loadHidden':
        return this.#hidden.load(batch, state.rows.length, this.#runner.rowBytes(state))
      case 'compute':
        return this.#compute(runtime, state, batch, batches, part)
      case 'storeHidden':
        return this.#hidden.store(
          batch,
          state.rows.length,
          this.#runner.rowBytes(state),
          state.output!,
          state.computed!,
        )
      case 'storeCache':
        return this.#cache.store(this.#cacheIndex.get(layer)!, state.rows, state.cache!, state.attended)
      case 'sample':
        return state.fetchOutput(run.queues.compute)
    }
  }

  #compute(runtime: LayerRuntime, state: BatchState, batch: number, batches: number, part: Step['part']): void {
    const { loader } = this.#options.run
    if (batch === 0 && part !== 'end') this.#weights = loader.take(runtime)
    // A batch ends with the weights that it has started with: the next layer may have started since.
    const weights = part === 'end' ? state.started!.weights : this.#weights!
    if (part === 'start') this.#runner.start(runtime, state, batch, weights)
    else if (part === 'end') this.#runner.end(runtime, state)
    else this.#runner.whole(runtime, state, batch, weights)
    if (batch === batches - 1 && part !== 'start') loader.release(weights, state.computed!)
  }

  /** The block's KV, for whoever moves it between sweeps. */
  get cache(): BlockCache {
    return { plan: this.#options.plan, store: this.#cache, moves: this.#moves }
  }

  /** Frees the KV of a finished sequence. */
  release(sequence: number): void {
    this.#cache.release(sequence)
  }

  /** Settles once all KV that was stored has arrived; rejects where it has not. */
  flush(): Promise<void> {
    return this.#cache.flush()
  }

  /** Frees everything; the queues must be idle. */
  dispose(): Promise<void> {
    return this.#cleanup.run()
  }
}

/** Name of a step's task; computation by kind of layer. */
function taskOf({ task }: Step, { layer }: LayerRuntime): string {
  return task === 'compute' ? `compute ${layer.kind}` : task
}
