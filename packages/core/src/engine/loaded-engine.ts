import { AbortedError, type HostBuffer, type DeviceBuffer, InternalError } from '@flexgen/spec'
import type { UnitPlacement } from '../placement/place-weights.ts'
import type { WeightUnit } from '../placement/weight-unit.ts'
import {
  checkBudgets,
  defaultLookAhead,
  defaultPagePositions,
  type PlannedModel,
  planRun,
  planWorkload,
  ringBytes,
} from '../plan/plan-run.ts'
import type { RunPlan } from '../plan/run-plan.ts'
import { RunMeter } from '../report/run-meter.ts'
import type { RunReport } from '../report/run-report.ts'
import { cutBatches, type LiveRow } from '../schedule/sweep.ts'
import { BlockRun, type RunQueues } from './block-run.ts'
import { Cleanup } from './cleanup.ts'
import type { Engine } from './engine.ts'
import type { GenerateOptions, GenerationEvent, GenerationRequest, GenerationResult } from './engine-options.ts'
import { checkRequests } from './check-requests.ts'
import { hostRingBesideDevice } from './weight-loader.ts'
import type { LayerRuntime } from './layer-runtime.ts'
import type { RestingUnit } from './resident-weights.ts'
import { createSequences, type Sequence, takeRow } from './sequence.ts'
import { StagingRing } from './staging-ring.ts'
import { WeightLoader } from './weight-loader.ts'

/** What `createEngine` hands over. */
export interface LoadedParts extends PlannedModel {
  readonly runtimes: readonly LayerRuntime[]
  readonly units: readonly WeightUnit[]
  readonly placement: readonly UnitPlacement[]
  readonly plan: RunPlan
  readonly resting: ReadonlyMap<WeightUnit, RestingUnit>
  readonly cleanup: Cleanup
  readonly allPositions: boolean
  readonly loadSeconds: number
}

/** The engine: everything of a loaded model, and one run at a time. */
export class LoadedEngine implements Engine {
  plan: RunPlan
  readonly #parts: LoadedParts
  #meter: RunMeter | undefined
  #running = false
  #disposed = false

  constructor(parts: LoadedParts) {
    this.#parts = parts
    this.plan = parts.plan
  }

  async generateAll(requests: readonly GenerationRequest[], options: GenerateOptions): Promise<GenerationResult[]> {
    const results: GenerationResult[] = []
    for await (const event of this.generate(requests, options)) if (event.type === 'result') results.push(event.result)
    return results
  }

  async *generate(
    requests: readonly GenerationRequest[],
    options: GenerateOptions,
  ): AsyncGenerator<GenerationEvent, void, void> {
    if (this.#running) throw new InternalError('an engine runs one generate at a time')
    if (this.#disposed) throw new InternalError('the engine is disposed')
    const { options: engine } = this.#parts
    const bounds = checkRequests(engine.model, requests, options, this.#parts.allPositions)
    this.plan = planRun(this.#parts, bounds)
    checkBudgets(this.plan, engine)
    this.#running = true
    this.#meter = new RunMeter(this.#parts, this.plan, requests)
    try {
      if (requests.length > 0) yield* inOrder(this.#blocks(createSequences(requests, options), options))
    } catch (error) {
      throw options.signal?.aborted ? new AbortedError('the run was stopped', { cause: error }) : error
    } finally {
      this.#running = false
    }
  }

  async *#blocks(
    sequences: readonly Sequence[],
    options: GenerateOptions,
  ): AsyncGenerator<GenerationEvent, void, void> {
    const { policy } = this.#parts.options
    const sorted = sequences.toSorted((a, b) => b.promptIds.length - a.promptIds.length || a.index - b.index)
    const run = new Cleanup()
    try {
      const { loader, queues, settled } = this.#openRun(run)
      for (const block of cutBatches(sorted, policy.gpuBatchSize * policy.numGpuBatches)) {
        yield* this.#block(block, { loader, queues, settled }, options)
      }
    } finally {
      await run.run()
    }
  }

  /** Queues and rings of a run; they end with it, since a failed queue stays failed. */
  #openRun(run: Cleanup): { loader: WeightLoader; queues: RunQueues; settled: () => Promise<void> } {
    const { options, runtimes, resting } = this.#parts
    const { backend, disk, ram, trace } = options
    const { hostVisible } = backend.device
    const spare = (options.maxRamBytes ?? Number.MAX_SAFE_INTEGER) - (this.plan.ram.total - this.plan.ram.weightStaging)
    const rings = ringBytes(this.#parts, spare)
    const allocated: (HostBuffer | DeviceBuffer)[] = []
    run.add(() => allocated.forEach((buffer) => backend.free(buffer)))
    const keep = <Buffer extends HostBuffer | DeviceBuffer>(buffer: Buffer): StagingRing<Buffer> => {
      allocated.push(buffer)
      return new StagingRing(buffer)
    }
    const hostBytes = hostVisible ? rings.bound : hostRingBesideDevice(runtimes)
    const hostRing = hostBytes === 0 ? undefined : keep(backend.allocateHost(hostBytes))
    const deviceRing = hostVisible || rings.bound === 0 ? undefined : keep(backend.allocate(rings.bound))
    const queues: RunQueues = {
      compute: backend.createQueue('compute', trace),
      cacheLoad: backend.createQueue('load cache', trace),
      cacheStore: backend.createQueue('store cache', trace),
      hidden: backend.createQueue('hidden', trace),
      cacheRead: disk.createQueue('cache read', trace),
      cacheWrite: disk.createQueue('cache write', trace),
      hiddenRead: disk.createQueue('hidden read', trace),
      hiddenWrite: disk.createQueue('hidden write', trace),
      rows: disk.createQueue('rows read', trace),
    }
    const weightQueues = {
      diskQueue: disk.createQueue('weights read', trace),
      ramQueue: ram.createQueue('weights from RAM', trace),
      copyQueue: backend.createQueue('load weights', trace),
    }
    const loader = new WeightLoader({
      backend,
      source: options.weights,
      resting,
      ram,
      hostRing,
      deviceRing,
      ...weightQueues,
    })
    const all = [...Object.values(queues), ...Object.values(weightQueues)]
    const settled = async (): Promise<void> => {
      await loader.settled()
      // A queue may hand work to one that was idle a moment ago, so go round until a whole round finds nothing.
      for (let round = 0; round < 2; round++) for (const queue of all) await queue.idle()
    }
    run.add(async () => {
      const reason = new AbortedError('the run has ended')
      for (const queue of all) queue.cancel(reason)
      await loader.fail(reason)
      for (const queue of all) await queue.idle()
      for (const runtime of runtimes) for (const { binding } of runtime.bindings.splice(0)) binding.release()
    })
    return { loader, queues, settled }
  }

  async *#block(
    block: readonly Sequence[],
    run: { loader: WeightLoader; queues: RunQueues; settled: () => Promise<void> },
    options: GenerateOptions,
  ): AsyncGenerator<GenerationEvent, void, void> {
    const { options: engine, runtimes, resting, allPositions } = this.#parts
    const meter = this.#meter!
    const plan = planWorkload(this.#parts, {
      sequences: block.length,
      maxPromptTokens: Math.max(...block.map((sequence) => sequence.promptIds.length)),
      maxNewTokens: Math.max(...block.map((sequence) => sequence.maxNewTokens)),
      logits: allPositions ? 'all' : 'last',
    })
    const blockRun = await BlockRun.create({
      model: engine.model,
      policy: engine.policy,
      backend: engine.backend,
      ram: engine.ram,
      disk: engine.disk,
      source: engine.weights,
      runtimes,
      resting,
      plan,
      lookAhead: engine.policy.overlap ? defaultLookAhead : 0,
      pagePositions: engine.pagePositions ?? defaultPagePositions,
      allPositions,
      signal: options.signal,
      ...run,
    })
    const abort = (): void => {
      for (const queue of Object.values(run.queues)) queue.cancel(new AbortedError('the run was stopped'))
      blockRun.fail(new AbortedError('the run was stopped'))
      void run.loader.fail(new AbortedError('the run was stopped'))
    }
    options.signal?.addEventListener('abort', abort, { once: true })
    try {
      meter.beginBlock(plan)
      let rows: LiveRow[] = block.map((sequence, id) => ({
        id,
        newTokens: sequence.promptIds.length,
        cachedPositions: 0,
      }))
      for (let step = 0; rows.length > 0; step++) {
        options.signal?.throwIfAborted()
        const continues = rows.some((row) => block[row.id]!.ids.length + 1 < block[row.id]!.maxNewTokens)
        const events: GenerationEvent[] = []
        meter.beginSweep()
        await blockRun.sweep(
          rows,
          (row, i) => (row.cachedPositions === 0 ? block[row.id]!.promptIds[i]! : block[row.id]!.ids.at(-1)!),
          (row, logits, positions) =>
            events.push(takeRow(block[row.id]!, row, logits, positions, engine.model, options)),
          continues,
        )
        meter.endSweep(step === 0 ? 'prefill' : 'decode', rows.length)
        yield* events
        const live: LiveRow[] = []
        for (const row of rows) {
          const sequence = block[row.id]!
          if (sequence.finishReason === undefined) {
            live.push({ id: row.id, newTokens: 1, cachedPositions: row.cachedPositions + row.newTokens })
          } else {
            blockRun.release(row.id)
            const { index, promptIds, ids, finishReason } = sequence
            yield { type: 'result', result: { sequence: index, promptIds, ids, finishReason } }
          }
        }
        rows = live
      }
    } finally {
      options.signal?.removeEventListener('abort', abort)
      await this.#endBlock(blockRun, run)
    }
  }

  async #endBlock(blockRun: BlockRun, run: { loader: WeightLoader; queues: RunQueues }): Promise<void> {
    const reason = new AbortedError('the block has ended')
    // Nothing of a block that ended well is under way, so its queues are idle; one that failed is dropped here.
    blockRun.fail(reason)
    for (const queue of Object.values(run.queues)) await queue.idle()
    await blockRun.dispose()
  }

  report(): RunReport {
    if (this.#meter === undefined) throw new InternalError('nothing has been generated yet')
    return this.#meter.report()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    await this.#parts.cleanup.run()
  }
}

/** Lets tokens through and holds results back until all earlier ones are there. */
async function* inOrder(
  events: AsyncGenerator<GenerationEvent, void, void>,
): AsyncGenerator<GenerationEvent, void, void> {
  const waiting = new Map<number, GenerationEvent>()
  let next = 0
  for await (const event of events) {
    if (event.type === 'token') yield event
    else {
      waiting.set(event.result.sequence, event)
      for (let ready = waiting.get(next); ready !== undefined; ready = waiting.get(next)) {
        waiting.delete(next++)
        yield ready
      }
    }
  }
}
