import { AbortedError, UsageError } from '@flexgen/spec'
import { checkBudgets } from '../plan/check-budgets.ts'
import { defaultLookAhead, defaultPagePositions, planRun, planWorkload } from '../plan/plan-run.ts'
import type { RunPlan } from '../plan/run-plan.ts'
import { RunMeter } from '../report/run-meter.ts'
import type { RunReport } from '../report/run-report.ts'
import { BlockPlaces } from './block-places.ts'
import { BlockRun } from './block-run.ts'
import { checkRequests } from './check-requests.ts'
import type { Engine } from './engine.ts'
import type { GenerateOptions, GenerationEvent, GenerationRequest, GenerationResult } from './engine-options.ts'
import { inOrder } from './in-order.ts'
import type { LoadedParts } from './loaded-parts.ts'
import { ProgressCount } from './progress-count.ts'
import { RunResources } from './run-resources.ts'
import { createSequences, resultOf, type Sequence, takeRow } from './sequence.ts'

/** The engine: everything of a loaded model, and one run at a time. */
export class LoadedEngine implements Engine {
  plan: RunPlan
  readonly #parts: LoadedParts
  #meter: RunMeter | undefined
  /** The run that is under way. */
  #running: AsyncGenerator<GenerationEvent, void, void> | undefined
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
    if (this.#running !== undefined) throw new UsageError('an engine runs one generate at a time')
    if (this.#disposed) throw new UsageError('the engine is disposed')
    const { options: engine, allPositions } = this.#parts
    const bounds = checkRequests(engine.model, requests, options, allPositions)
    this.plan = planRun(this.#parts, bounds)
    checkBudgets(this.plan, engine)
    this.#meter = new RunMeter(this.#parts, this.plan, requests)
    this.#running = this.#blocks(createSequences(requests, options), options)
    try {
      yield* options.resultOrder === 'finish' ? this.#running : inOrder(this.#running)
    } catch (error) {
      throw options.signal?.aborted ? new AbortedError('the run was stopped', { cause: error }) : error
    } finally {
      this.#running = undefined
    }
  }

  async *#blocks(
    sequences: readonly Sequence[],
    options: GenerateOptions,
  ): AsyncGenerator<GenerationEvent, void, void> {
    if (sequences.length === 0) return
    const { policy } = this.#parts.options
    const sorted = sequences.toSorted((a, b) => b.promptIds.length - a.promptIds.length || a.index - b.index)
    const progress = new ProgressCount(sequences)
    const run = await RunResources.open(this.#parts, this.plan.weightRingBytes, this.#meter!.traffic)
    const stop = (): void => run.stop(new AbortedError('the run was stopped', { cause: options.signal?.reason }))
    options.signal?.addEventListener('abort', stop, { once: true })
    try {
      const waiting = [...sorted]
      while (waiting.length > 0) {
        const block = waiting.splice(0, policy.gpuBatchSize * policy.numGpuBatches)
        yield* this.#block(block, waiting, run, progress, options)
      }
    } finally {
      options.signal?.removeEventListener('abort', stop)
      await run.close()
    }
  }

  async *#block(
    block: readonly Sequence[],
    waiting: Sequence[],
    run: RunResources,
    progress: ProgressCount,
    options: GenerateOptions,
  ): AsyncGenerator<GenerationEvent, void, void> {
    const { options: engine, allPositions } = this.#parts
    const meter = this.#meter!
    options.signal?.throwIfAborted()
    const plan = planWorkload(this.#parts, {
      sequences: block.length,
      maxPromptTokens: most(block, ({ promptIds }) => promptIds.length),
      maxNewTokens: most(block, ({ maxNewTokens }) => maxNewTokens),
      logits: allPositions ? 'all' : 'last',
    })
    const blockRun = await BlockRun.create({
      parts: this.#parts,
      plan,
      run,
      lookAhead: engine.policy.overlap && options.breakdown !== true ? defaultLookAhead : 0,
      onStep: options.breakdown === true ? (task, durationMs) => meter.addStep(task, durationMs) : undefined,
      pagePositions: engine.pagePositions ?? defaultPagePositions,
      signal: options.signal,
    })
    let isWell = false
    try {
      meter.beginBlock(plan)
      const places = new BlockPlaces(block, waiting, plan.shape)
      while (places.rows.length > 0) {
        options.signal?.throwIfAborted()
        const { rows, isPrefill } = places
        const events: GenerationEvent[] = []
        meter.beginSweep()
        await blockRun.sweep(
          rows,
          (row, i) => (isPrefill ? places.of(row).promptIds[i]! : places.of(row).ids.at(-1)!),
          (row, logits) => {
            const event = takeRow(places.of(row), row, logits, engine.model, options)
            if (event !== undefined) events.push(event)
          },
          places.continues,
        )
        meter.endSweep(isPrefill ? 'prefill' : 'decode', rows.length, events.length)
        const ended = places.advance()
        for (const id of places.takeUnneeded()) blockRun.release(id)
        events.push(...ended.map((sequence) => ({ type: 'result' as const, result: resultOf(sequence, options) })))
        yield* events
        yield { type: 'sweep', progress: progress.after(events) }
      }
      await blockRun.flush()
      isWell = true
    } finally {
      if (!isWell) run.stop(new AbortedError('the block has ended'))
      await run.idle()
      await blockRun.dispose()
    }
  }

  report(): RunReport {
    if (this.#meter === undefined) throw new UsageError('nothing has been generated yet')
    return this.#meter.report()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    try {
      // A run whose caller has stopped listening without a word still holds buffers.
      await this.#running?.return()
    } finally {
      await this.#parts.cleanup.run()
    }
  }
}

function most(block: readonly Sequence[], sizeOf: (sequence: Sequence) => number): number {
  return block.reduce((largest, sequence) => Math.max(largest, sizeOf(sequence)), 0)
}
