import { type Binding, type QueueEvent, type Span, spanOf } from '@flexgen/spec'
import { cutBatches, type LiveRow, type Step, sweep } from '../schedule/sweep.ts'
import { BatchState } from './batch-state.ts'
import type { BlockPlan } from './block-plan.ts'
import { CacheStore } from './cache-store.ts'
import { Cleanup } from './cleanup.ts'
import { HeldBuffers } from './held-buffers.ts'
import { HiddenStore } from './hidden-store.ts'
import { findGatheredTable, freeBinding, gathersRows, type LayerRuntime } from './layer-runtime.ts'
import type { LoadedParts } from './loaded-parts.ts'
import type { RowGatherOptions } from './row-gather.ts'
import type { RunResources } from './run-resources.ts'
import type { LoadedLayer } from './weight-loader.ts'

/** What a block runs with. */
export interface BlockOptions {
  readonly parts: LoadedParts
  readonly plan: BlockPlan
  readonly run: RunResources
  /** Layers whose weights are asked for ahead of the one that computes. */
  readonly lookAhead: number
  readonly pagePositions: number
  readonly signal: AbortSignal | undefined
}

/**
 * Layers that are queued at most beyond the one that has ended. More would fill no gap, but hold a whole sweep's
 * events and keep the loop from timers and signals until all of it is queued.
 */
const queuedLayers = 4

/** Runs the sweeps of one block of sequences: the only place where schedule, stores and kernels meet. */
export class BlockRun {
  readonly #options: BlockOptions
  readonly #cleanup = new Cleanup()
  readonly #batches: BatchState[] = []
  /** Place of a layer's KV in the cache store, by the layer's index. */
  readonly #cacheIndex: ReadonlyMap<number, number>
  #cache!: CacheStore
  #hidden!: HiddenStore
  /** Weights of the layer that computes. */
  #weights: LoadedLayer | undefined

  private constructor(options: BlockOptions) {
    this.#options = options
    const cached = options.parts.runtimes.filter((runtime) => runtime.cache !== undefined)
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
    const { backend, ram, disk, policy, model } = parts.options
    const tiers = { backend, ram, disk }
    this.#cache = await CacheStore.create({
      ...tiers,
      pagePositions,
      spec: plan.cacheSpec,
      homes: plan.cacheHomes,
      slotRows: plan.cacheSlotRows,
      loadQueue: queues.cacheLoad,
      storeQueue: queues.cacheStore,
      readQueue: queues.cacheRead,
      writeQueue: queues.cacheWrite,
    })
    this.#cleanup.add(() => this.#cache.dispose())
    this.#hidden = await HiddenStore.create({
      ...tiers,
      batchHomes: plan.hiddenHomes,
      maxRowBytes: plan.hiddenRowBytes,
      copyQueue: queues.hidden,
      readQueue: queues.hiddenRead,
      writeQueue: queues.hiddenWrite,
    })
    this.#cleanup.add(() => this.#hidden.dispose())
    const buffers = new HeldBuffers(backend)
    this.#cleanup.add(() => buffers.free())
    const gather = this.#gather()
    const rowIndices = Array.from({ length: plan.shape.sequences }, (_, i) => i)
    for (const { length } of cutBatches(rowIndices, policy.gpuBatchSize)) {
      const seq = plan.shape.maxPromptTokens
      const logitPositions = parts.allPositions ? 'all' : 'last'
      this.#batches.push(new BatchState(buffers, { model, rows: length, seq, logitPositions, gather }))
    }
  }

  #gather(): RowGatherOptions | undefined {
    const { parts, run } = this.#options
    const unit = findGatheredTable(parts.runtimes)
    if (unit === undefined) return undefined
    const { ram, weights } = parts.options
    return { ram, source: weights, diskQueue: run.queues.rowRead, table: parts.resting.get(unit)! }
  }

  /**
   * One token for every live row.
   * @param visit gets every row's logits `[new positions, vocabulary]`, valid until the next sweep
   * @param continues whether another sweep will follow, so that its first weights may stream already
   */
  async sweep(
    rows: readonly LiveRow[],
    tokenOf: (row: LiveRow, index: number) => number,
    visit: (row: LiveRow, logits: Float32Array) => void,
    continues: boolean,
  ): Promise<void> {
    const { parts, run, lookAhead, signal } = this.#options
    const { runtimes } = parts
    const { policy } = parts.options
    const cut = cutBatches(rows, policy.gpuBatchSize)
    const batches = cut.map((batchRows, k) => {
      const state = this.#batches[k]!
      state.begin(batchRows, tokenOf, run.queues.compute)
      return state
    })
    const steps = sweep({
      firstLayer: 0,
      endLayer: runtimes.length,
      batches: batches.length,
      hasCache: (layer) => runtimes[layer]!.cache !== undefined,
      lookAhead,
      startsWarm: run.loader.isWarm,
      continues,
    })
    run.loader.isWarm = continues
    const layerEnds: QueueEvent[] = []
    for (const step of steps) {
      signal?.throwIfAborted()
      const isFirst = step.task === 'compute' && step.batch === 0
      if (isFirst && layerEnds.length >= queuedLayers) await layerEnds.shift()!.whenDone()
      this.#run(step, batches[step.batch]!, batches.length)
      const isLast = step.task === 'compute' && step.batch === batches.length - 1
      if (isLast) layerEnds.push(batches[step.batch]!.computed!)
      // Without overlap every step ends before the next begins: the same steps, the same tokens.
      if (!policy.overlap) await run.idle()
    }
    for (const state of batches) await state.finish(visit)
  }

  #run({ task, layer, batch }: Step, state: BatchState, batches: number): void {
    const { parts, run } = this.#options
    const runtime = parts.runtimes[layer]!
    switch (task) {
      case 'loadWeight':
        return run.loader.request(runtime)
      case 'loadCache':
        state.cache = this.#cache.load(this.#cacheIndex.get(layer)!, state.rows)
        return
      case 'loadHidden':
        return this.#hidden.load(batch, state.rows.length, this.#rowBytes(state))
      case 'compute':
        return this.#compute(runtime, state, batch, batches)
      case 'storeHidden':
        return this.#hidden.store(batch, state.rows.length, this.#rowBytes(state), state.output!, state.computed!)
      case 'storeCache':
        return this.#cache.store(this.#cacheIndex.get(layer)!, state.rows, state.cache!, state.computed!)
      case 'sample':
        return state.fetchLogits(run.queues.compute)
    }
  }

  /** Bytes of a hidden row at this sweep's sequence length. */
  #rowBytes({ seq }: BatchState): number {
    const { hiddenRowBytes, shape } = this.#options.plan
    return seq * (hiddenRowBytes / shape.maxPromptTokens)
  }

  #compute(runtime: LayerRuntime, state: BatchState, batch: number, batches: number): void {
    const { parts, run } = this.#options
    const { compute } = run.queues
    const { hiddenSize } = parts.options.model
    if (batch === 0) this.#weights = run.loader.take(runtime)
    const weights = this.#weights!
    const slot = freeBinding(runtime)
    const { binding } = slot
    waitForAll(compute, weights.ready)
    this.#bindWeights(runtime, weights, state, binding)
    const shape = [state.rows.length, state.seq]
    for (const name of runtime.systemInputs) {
      const sizes = name === 'lengths' ? [state.rows.length] : shape
      const byteLength = sizes.reduce((product, size) => product * size, 4)
      binding.set(name, spanOf(state.inputs[name].device, 0, byteLength), sizes)
    }
    const byteLength = state.rows.length * this.#rowBytes(state)
    const input = runtime.hiddenInput === undefined ? undefined : this.#hidden.take(batch)
    if (input !== undefined) {
      waitForAll(compute, input.after)
      binding.set(runtime.hiddenInput!, spanOf(input.item, 0, byteLength), [...shape, hiddenSize])
    }
    if (runtime.cache !== undefined) {
      waitForAll(compute, state.cache!.ready)
      binding.setCache(runtime.cache, state.cache!.rows)
    }
    const isHead = runtime.index === parts.runtimes.length - 1
    state.output = isHead ? undefined : this.#hidden.takeOutput()
    if (state.output === undefined) {
      const logits = state.logits()
      binding.set(runtime.output, logits.span, logits.shape)
    } else {
      waitForAll(compute, state.output.after)
      binding.set(runtime.output, spanOf(state.output.item, 0, byteLength), [...shape, hiddenSize])
    }
    const computed = compute.run(runtime.kernel, binding)
    slot.lastUse = computed
    state.computed = computed
    if (input !== undefined) this.#hidden.release(input, computed)
    if (batch === batches - 1) run.loader.release(weights, computed)
  }

  #bindWeights(runtime: LayerRuntime, loaded: LoadedLayer, state: BatchState, binding: Binding): void {
    const { run } = this.#options
    for (const placed of runtime.units) {
      const { spec } = placed.unit
      if (gathersRows(placed)) {
        const { span, rowCount } = state.fetchTableRows(run.queues.compute)
        binding.set(spec.name, span, [rowCount, ...spec.shape.slice(1)])
      } else if (placed.place.tier !== 'device' || runtime.prepared === undefined) {
        const span = runtime.residentSpans.get(spec.name) ?? loaded.spans.get(spec.name)
        binding.set(spec.name, span ?? this.#restingSpan(placed.unit), spec.shape)
      }
    }
  }

  /** Where a unit of the RAM tier lies; kernels of a host-visible backend read it there. */
  #restingSpan(unit: LayerRuntime['units'][number]['unit']): Span {
    const { parts } = this.#options
    return spanOf(parts.options.ram.view!(parts.resting.get(unit)!.regions[0]!))
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

function waitForAll(queue: { wait(event: QueueEvent): void }, events: readonly QueueEvent[]): void {
  for (const event of events) queue.wait(event)
}
