import {
  type Backend,
  type DeviceBuffer,
  dtypeBytes,
  type HostBuffer,
  type Model,
  type Policy,
  type Queue,
  type QueueEvent,
  type Span,
  spanOf,
  type Tier,
  type TierQueue,
  type WeightSource,
} from '@flexgen/spec'
import type { WeightUnit } from '../placement/weight-unit.ts'
import { cutBatches, type LiveRow, type Step, sweep } from '../schedule/sweep.ts'
import { allocateInputs, type BatchInputs, fillInputs, freeInputs } from './batch-inputs.ts'
import type { BlockPlan } from './block-plan.ts'
import { CacheStore, type LoadedCache } from './cache-store.ts'
import { Cleanup } from './cleanup.ts'
import { HiddenStore } from './hidden-store.ts'
import { freeBinding, gathersRows, type LayerRuntime } from './layer-runtime.ts'
import type { RestingUnit } from './resident-weights.ts'
import { allocateGather, gatherBytes, gatherRows, tableRowBytes } from './row-gather.ts'
import type { LoadedLayer, WeightLoader } from './weight-loader.ts'

/** The queues of a run; all of them are cancelled together. */
export interface RunQueues {
  readonly compute: Queue
  readonly cacheLoad: Queue
  readonly cacheStore: Queue
  readonly hidden: Queue
  readonly cacheRead: TierQueue
  readonly cacheWrite: TierQueue
  readonly hiddenRead: TierQueue
  readonly hiddenWrite: TierQueue
  readonly rows: TierQueue
}

/** What a block runs with. */
export interface BlockOptions {
  readonly model: Model
  readonly policy: Policy
  readonly backend: Backend
  readonly ram: Tier
  readonly disk: Tier
  readonly source: WeightSource
  readonly runtimes: readonly LayerRuntime[]
  readonly resting: ReadonlyMap<WeightUnit, RestingUnit>
  readonly plan: BlockPlan
  readonly queues: RunQueues
  readonly loader: WeightLoader
  readonly lookAhead: number
  readonly pagePositions: number
  readonly allPositions: boolean
  readonly settled: () => Promise<void>
  readonly signal: AbortSignal | undefined
}

/** A sequence's logits after a sweep: rows `[positions, vocabulary]`, valid until the next sweep. */
export type TakeLogits = (row: LiveRow, logits: Float32Array, positions: number) => void

interface BatchState {
  readonly inputs: BatchInputs
  readonly logits: DeviceBuffer
  readonly logitsHost: HostBuffer
  readonly gather: { readonly host: HostBuffer; readonly device: DeviceBuffer | undefined } | undefined
  rows: readonly LiveRow[]
  seq: number
  cache: LoadedCache | undefined
  computed: QueueEvent | undefined
  gathered: { rowCount: number; ready: readonly QueueEvent[] } | undefined
}

/** Runs the sweeps of one block of sequences: the only place where schedule, stores and kernels meet. */
export class BlockRun {
  readonly #options: BlockOptions
  readonly #cleanup = new Cleanup()
  readonly #batches: BatchState[] = []
  readonly #loaded = new Map<number, LoadedLayer>()
  readonly #cacheIndex: ReadonlyMap<number, number>
  #cache!: CacheStore
  #hidden!: HiddenStore

  private constructor(options: BlockOptions) {
    this.#options = options
    const cached = options.runtimes.filter((runtime) => runtime.cache !== undefined)
    this.#cacheIndex = new Map(cached.map((runtime, i) => [runtime.index, i]))
  }

  /** Allocates everything that the block needs; after a failure nothing is left. */
  static async create(options: BlockOptions): Promise<BlockRun> {
    const run = new BlockRun(options)
    try {
      await run.#allocate()
      return run
    } catch (error) {
      await run.#cleanup.run()
      throw error
    }
  }

  async #allocate(): Promise<void> {
    const { backend, plan, policy, queues, ram, disk, pagePositions } = this.#options
    this.#cache = await CacheStore.create({
      backend,
      ram,
      disk,
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
      backend,
      ram,
      disk,
      batchHomes: plan.hiddenHomes,
      maxRowBytes: plan.hiddenRowBytes,
      copyQueue: queues.hidden,
      readQueue: queues.hiddenRead,
      writeQueue: queues.hiddenWrite,
    })
    this.#cleanup.add(() => this.#hidden.dispose())
    for (const { length } of cutBatches(Array.from({ length: plan.shape.sequences }), policy.gpuBatchSize)) {
      this.#batches.push(this.#allocateBatch(length))
    }
  }

  #allocateBatch(rows: number): BatchState {
    const { backend, plan, model, allPositions } = this.#options
    const seq = plan.shape.maxPromptTokens
    const inputs = allocateInputs(backend, rows, seq)
    this.#cleanup.add(() => freeInputs(backend, inputs))
    const logitsBytes = rows * (allPositions ? seq : 1) * dtypeBytes('float32', model.vocabularySize)
    const logitsHost = backend.allocateHost(logitsBytes)
    this.#cleanup.add(() => backend.free(logitsHost))
    const logits = backend.device.hostVisible ? logitsHost : backend.allocate(logitsBytes)
    if (logits !== logitsHost) this.#cleanup.add(() => backend.free(logits))
    const table = this.#gatheredTable()
    const gather = table === undefined ? undefined : allocateGather(backend, gatherBytes(table, rows * seq))
    if (gather !== undefined) {
      this.#cleanup.add(() => backend.free(gather.host))
      if (gather.device !== undefined) this.#cleanup.add(() => backend.free(gather.device!))
    }
    return {
      inputs,
      logits,
      logitsHost,
      gather,
      rows: [],
      seq: 0,
      cache: undefined,
      computed: undefined,
      gathered: undefined,
    }
  }

  #gatheredTable(): RestingUnit | undefined {
    const placed = this.#options.runtimes.flatMap((runtime) => runtime.units).find(gathersRows)
    return placed === undefined ? undefined : this.#options.resting.get(placed.unit)
  }

  /**
   * One token for every live row.
   * @param continues whether another sweep will follow, so that its first weights may stream already
   */
  async sweep(
    rows: readonly LiveRow[],
    tokenOf: (row: LiveRow, index: number) => number,
    takeLogits: TakeLogits,
    continues: boolean,
  ): Promise<void> {
    const { policy, model, runtimes, loader, lookAhead, settled, signal } = this.#options
    const batches = cutBatches(rows, policy.gpuBatchSize)
    batches.forEach((batchRows, k) => {
      const state = this.#batches[k]!
      state.rows = batchRows
      state.seq = Math.max(...batchRows.map((row) => row.newTokens))
      fillInputs(state.inputs, batchRows, state.seq, model.padId, tokenOf)
      this.#prepareInputs(state)
    })
    const steps = sweep({
      firstLayer: 0,
      endLayer: runtimes.length,
      batches: batches.length,
      hasCache: (layer) => runtimes[layer]!.cache !== undefined,
      lookAhead,
      startsWarm: loader.isWarm,
      continues,
    })
    loader.isWarm = continues
    for (const step of steps) {
      signal?.throwIfAborted()
      await this.#run(step, batches.length)
      // Without overlap every step ends before the next begins: the same steps, the same tokens.
      if (!policy.overlap) await settled()
    }
    for (const state of this.#batches.slice(0, batches.length)) await this.#finish(state, takeLogits)
  }

  #prepareInputs(state: BatchState): void {
    const { queues, backend, ram, source } = this.#options
    const table = this.#gatheredTable()
    if (table !== undefined) {
      const { values } = state.inputs.ids
      const ids = values.subarray(0, state.rows.length * state.seq)
      state.gathered = gatherRows(
        { ram, diskQueue: queues.rows, source, resting: table },
        ids,
        spanOf(state.gather!.host),
      )
      if (state.gather!.device !== undefined) {
        for (const event of state.gathered.ready) queues.compute.wait(event)
        queues.compute.copyIn(spanOf(state.gather!.device), spanOf(state.gather!.host))
      }
    }
    if (!backend.device.hostVisible) {
      for (const input of [state.inputs.ids, state.inputs.positions, state.inputs.lengths]) {
        queues.compute.copyIn(spanOf(input.device), spanOf(input.host))
      }
    }
  }

  async #run({ task, layer, batch }: Step, batches: number): Promise<void> {
    const state = this.#batches[batch]!
    const rowBytes = (): number =>
      state.seq * (this.#options.plan.hiddenRowBytes / this.#options.plan.shape.maxPromptTokens)
    switch (task) {
      case 'loadWeight':
        return this.#options.loader.request(this.#options.runtimes[layer]!)
      case 'loadCache':
        state.cache = await this.#cache.load(this.#cacheIndex.get(layer)!, state.rows)
        return
      case 'loadHidden':
        return this.#hidden.load(batch, state.rows.length, rowBytes())
      case 'compute':
        return this.#compute(this.#options.runtimes[layer]!, state, batch, batches)
      case 'storeHidden':
        return
      case 'storeCache':
        return this.#cache.store(this.#cacheIndex.get(layer)!, state.rows, state.cache!, state.computed!)
      case 'sample':
        if (state.logits !== state.logitsHost) {
          state.computed = this.#options.queues.compute.copyOut(spanOf(state.logitsHost), spanOf(state.logits))
        }
    }
  }

  async #compute(runtime: LayerRuntime, state: BatchState, batch: number, batches: number): Promise<void> {
    const { queues, model, allPositions, loader, plan } = this.#options
    const { compute } = queues
    if (batch === 0) this.#loaded.set(runtime.index, await loader.take(runtime))
    const weights = this.#loaded.get(runtime.index)!
    const slot = freeBinding(runtime)
    const { binding } = slot
    for (const event of weights.ready) compute.wait(event)
    this.#bindWeights(runtime, weights, state, binding)
    const shape = [state.rows.length, state.seq]
    for (const name of runtime.systemInputs) {
      const input = state.inputs[name as keyof BatchInputs]
      const sizes = name === 'lengths' ? shape.slice(0, 1) : shape
      binding.set(
        name,
        spanOf(
          input.device,
          0,
          sizes.reduce((a, b) => a * b, 4),
        ),
        sizes,
      )
    }
    const rowBytes = state.seq * (plan.hiddenRowBytes / plan.shape.maxPromptTokens)
    const hidden = runtime.hiddenInput === undefined ? undefined : this.#hidden.take(batch)
    if (hidden !== undefined) {
      for (const event of hidden.ready) compute.wait(event)
      binding.set(runtime.hiddenInput!, spanOf(hidden.buffer, 0, state.rows.length * rowBytes), [
        ...shape,
        model.hiddenSize,
      ])
    }
    if (runtime.cache !== undefined) {
      for (const event of state.cache!.ready) compute.wait(event)
      binding.setCache(runtime.cache, state.cache!.rows)
    }
    const isHead = runtime.index === this.#options.runtimes.length - 1
    const output = isHead ? undefined : await this.#hidden.acquire()
    if (output === undefined) {
      const sizes = [state.rows.length, allPositions ? state.seq : 1, model.vocabularySize]
      binding.set(
        runtime.output,
        spanOf(
          state.logits,
          0,
          sizes.reduce((a, b) => a * b, 4),
        ),
        sizes,
      )
    } else {
      for (const event of output.ready) compute.wait(event)
      binding.set(runtime.output, spanOf(output.buffer, 0, state.rows.length * rowBytes), [...shape, model.hiddenSize])
    }
    const computed = compute.run(runtime.kernel, binding)
    slot.lastUse = computed
    state.computed = computed
    if (hidden !== undefined) this.#hidden.release(hidden, computed)
    if (output !== undefined) this.#hidden.store(batch, state.rows.length, rowBytes, output, computed)
    if (batch === batches - 1) {
      loader.release(weights, computed)
      this.#loaded.delete(runtime.index)
    }
  }

  #bindWeights(
    runtime: LayerRuntime,
    loaded: LoadedLayer,
    state: BatchState,
    binding: { set(name: string, span: Span, shape: readonly number[]): void },
  ): void {
    const { ram, resting, queues } = this.#options
    for (const placed of runtime.units) {
      const { spec } = placed.unit
      if (gathersRows(placed)) {
        const { host, device } = state.gather!
        const { rowCount, ready } = state.gathered!
        for (const event of ready) queues.compute.wait(event)
        const span = spanOf(device ?? host, 0, rowCount * tableRowBytes(resting.get(placed.unit)!))
        binding.set(spec.name, span, [rowCount, ...spec.shape.slice(1)])
        continue
      }
      if (placed.place.tier === 'device' && runtime.prepared !== undefined) continue
      const span = runtime.residentSpans.get(spec.name) ?? loaded.spans.get(spec.name)
      binding.set(spec.name, span ?? spanOf(ram.view!(resting.get(placed.unit)!.regions[0]!)), spec.shape)
    }
  }

  async #finish(state: BatchState, takeLogits: TakeLogits): Promise<void> {
    await state.computed!.whenDone()
    const { vocabularySize } = this.#options.model
    const seq = this.#options.allPositions ? state.seq : 1
    const all = new Float32Array(
      state.logitsHost.bytes.buffer,
      state.logitsHost.bytes.byteOffset,
      state.rows.length * seq * vocabularySize,
    )
    state.rows.forEach((row, b) => {
      const positions = this.#options.allPositions ? row.newTokens : 1
      const start = b * seq * vocabularySize
      takeLogits(row, all.subarray(start, start + positions * vocabularySize), positions)
    })
  }

  /** Frees the KV of a finished sequence. */
  release(sequence: number): void {
    this.#cache.release(sequence)
  }

  /** Whoever waits inside the block gets the error. */
  fail(error: unknown): void {
    this.#cache.fail(error)
    this.#hidden.fail(error)
  }

  /** Frees everything; the queues must be idle. */
  dispose(): Promise<void> {
    return this.#cleanup.run()
  }
}
