import { AbortedError, UsageError } from '@flexgen/spec'
import { checkBudgets } from '../plan/check-budgets.ts'
import { defaultLookAhead, defaultPagePositions, planRun, planWorkload } from '../plan/plan-run.ts'
import type { RunPlan } from '../plan/run-plan.ts'
import { RunMeter } from '../report/run-meter.ts'
import type { RunReport } from '../report/run-report.ts'
import type { EngineBudget } from '../replacement/replacement-options.ts'
import { Replacer } from '../replacement/replacer.ts'
import { BlockPlaces } from './block-places.ts'
import { BlockRun } from './block-run.ts'
import type { MovingRow } from './cache-moves.ts'
import { checkRequests } from './check-requests.ts'
import type { Engine } from './engine.ts'
import type { GenerateOptions, GenerationEvent, GenerationRequest, GenerationResult } from './engine-options.ts'
import { inOrder } from './in-order.ts'
import type { LoadedParts } from './loaded-parts.ts'
import { ProgressCount } from './progress-count.ts'
import { RunResources } from './run-resources.ts'
import { createSequences, needsLogits, resultOf, type Sequence, takeRow } from './sequence.ts'

/** The engine: everything of a loaded model, and one run at a time. */
export class LoadedEngine implements Engine {
  plan: RunPlan
  readonly #parts: LoadedParts
  #meter: RunMeter | undefined
  /** The run that is under way. */
  #running: AsyncGenerator<GenerationEvent, void, void> | undefined
  #replacer: Replacer | undefined
  /** Sequences that live, while nothing runs because tokens are handed out. */
  #pausedRows: readonly MovingRow[] | undefined
  /** Changes of the budget that are made meanwhile; the next sweep waits for them. */
  #settling: Promise<void> | undefined
  /** Aborted when the engine is disposed: a run that is under way ends at once, and its caller hears of it. */
  readonly #ending = new AbortController()

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
    const ending = this.#ending.signal
    if (ending.aborted) throw new UsageError('the engine is disposed')
    const { options: engine, allPositions } = this.#parts
    const bounds = checkRequests(engine.model, requests, options, allPositions)
    const { device, ram } = this.#parts.budget.limits
    const limited = { ...engine, maxDeviceBytes: device, maxRamBytes: ram }
    const { missingBytes } = this.#parts.resting
    this.plan = planRun({ ...this.#parts, options: limited, missingRamBytes: missingBytes }, bounds)
    checkBudgets(this.plan, limited)
    this.#parts.hostClaim.beginRun(this.plan)
    const cacheBytes = planWorkload(this.#parts, bounds).bytes.cache
    this.#replacer =
      engine.replacement === undefined
        ? undefined
        : new Replacer(this.#parts, engine.replacement, this.plan, cacheBytes)
    this.#meter = new RunMeter(this.#parts, this.plan, requests)
    const signal = options.signal === undefined ? ending : AbortSignal.any([options.signal, ending])
    const sequences = createSequences(requests, options)
    const run = (this.#running = this.#blocks(sequences, { ...options, signal }))
    let left = sequences.length
    try {
      for await (const event of options.resultOrder === 'finish' ? run : inOrder(run)) {
        if (event.type === 'result') left -= 1
        yield event
      }
      if (left > 0) ending.throwIfAborted()
    } catch (error) {
      if (ending.aborted) throw new AbortedError('the engine was disposed during the run', { cause: error })
      throw options.signal?.aborted ? new AbortedError('the run was stopped', { cause: error }) : error
    } finally {
      this.#running = undefined
      this.#replacer?.end()
    }
  }

  async setBudget(budget: EngineBudget): Promise<void> {
    checkBudget(budget)
    if (this.#running === undefined) return this.#parts.budget.set(budget)
    const replacer = this.#replacer
    if (replacer === undefined) {
      throw new UsageError('the engine was made for a placement that does not change', {
        hint: 'give it `replacement`, on the command line --reallocate-timing 2 or 3',
      })
    }
    const held = this.#parts.budget.request(budget)
    // Whoever holds a token may ask and wait: nothing runs until the next one is wanted.
    if (this.#pausedRows !== undefined) this.#settling = settle(replacer, this.#pausedRows, this.#settling)
    return held
  }

  async *#blocks(
    sequences: readonly Sequence[],
    options: GenerateOptions,
  ): AsyncGenerator<GenerationEvent, void, void> {
    if (sequences.length === 0) return
    const { policy } = this.#parts.options
    const sorted = sequences.toSorted((a, b) => b.promptIds.length - a.promptIds.length || a.index - b.index)
    const progress = new ProgressCount(sequences)
    // The budget may have been set between two runs; where it has shrunk, pins of the last one make way.
    const { budget, deviceLimit } = this.#parts
    deviceLimit.raise(budget.limits.device)
    const ringBytes = this.#replacer?.beginRun() ?? this.plan.weightRingBytes
    await deviceLimit.hold(budget.limits.device)
    const run = await RunResources.open(this.#parts, {
      ringBytes,
      traffic: this.#meter!.traffic,
      trace: this.#replacer?.use.trace(this.#parts.options.trace) ?? this.#parts.options.trace,
    })
    const stop = (): void => run.stop(new AbortedError('the run was stopped', { cause: options.signal?.reason }))
    options.signal?.addEventListener('abort', stop, { once: true })
    try {
      await this.#replacer?.setLoader(run.loader)
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
    const wanted = planWorkload(this.#parts, {
      sequences: block.length,
      maxPromptTokens: most(block, ({ promptIds }) => promptIds.length),
      maxNewTokens: most(block, ({ maxNewTokens }) => maxNewTokens),
      logits: allPositions ? 'all' : 'last',
    })
    const replacer = this.#replacer
    const plan = (await replacer?.beginBlock(wanted)) ?? wanted
    const blockRun = await BlockRun.create({
      parts: this.#parts,
      plan,
      run,
      lookAhead: engine.policy.overlap && options.breakdown !== true ? defaultLookAhead : 0,
      onStep: options.breakdown === true ? (task, durationMs) => meter.addStep(task, durationMs) : undefined,
      pagePositions: engine.pagePositions ?? defaultPagePositions,
      needsLogits: needsLogits(options),
      signal: options.signal,
    })
    let isWell = false
    try {
      meter.beginBlock(plan)
      await replacer?.setBlock(blockRun.cache)
      const places = new BlockPlaces(block, options.refill === false ? [] : waiting, plan.shape)
      while (places.rows.length > 0) {
        options.signal?.throwIfAborted()
        const { rows, isPrefill } = places
        const events: GenerationEvent[] = []
        meter.beginSweep()
        await blockRun.sweep(
          rows,
          (row, i) => (isPrefill ? places.of(row).promptIds[i]! : places.of(row).ids.at(-1)!),
          (row, given) => {
            const event = takeRow(places.of(row), row, given, engine.model, options)
            if (event !== undefined) events.push(event)
          },
          places.continues,
        )
        meter.endSweep(isPrefill ? 'prefill' : 'decode', rows.length, events.length)
        const ended = places.advance()
        for (const id of places.takeUnneeded()) blockRun.release(id)
        if (replacer !== undefined) {
          const { moving, remainingSweeps } = places
          const phase = isPrefill ? 'prefill' : 'decode'
          if (moving.length > 0) {
            meter.addToLastSweep(await replacer.between(meter.lastSweepSeconds, phase, moving, remainingSweeps))
          }
          this.#pausedRows = moving
        }
        events.push(...ended.map((sequence) => ({ type: 'result' as const, result: resultOf(sequence, options) })))
        yield* events
        yield { type: 'sweep', progress: progress.after(events) }
        this.#pausedRows = undefined
        await this.#settling
        this.#settling = undefined
      }
      await blockRun.flush()
      isWell = true
    } finally {
      this.#pausedRows = undefined
      await this.#settling?.catch(() => undefined)
      this.#settling = undefined
      if (!isWell) run.stop(new AbortedError('the block has ended'))
      await run.idle()
      replacer?.endBlock()
      await blockRun.dispose()
    }
  }

  report(): RunReport {
    if (this.#meter === undefined) throw new UsageError('nothing has been generated yet')
    const report = this.#meter.report()
    return this.#replacer === undefined ? report : { ...report, replacement: this.#replacer.report() }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ending.signal.aborted) return
    this.#ending.abort()
    try {
      // A run whose caller has stopped listening without a word still holds buffers.
      await this.#running?.return()
    } finally {
      await this.#parts.cleanup.run()
    }
  }
}

async function settle(
  replacer: Replacer,
  rows: readonly MovingRow[],
  before: Promise<void> | undefined,
): Promise<void> {
  await before
  await replacer.holdBudget(rows)
}

/** @throws {UsageError} for a limit that is no number of bytes */
function checkBudget(budget: EngineBudget): void {
  for (const [tier, bytes] of Object.entries(budget)) {
    if (bytes !== undefined && !(Number.isFinite(bytes) && bytes > 0)) {
      throw new UsageError(`the budget of ${tier} must be a number of bytes above 0, not ${bytes}`)
    }
  }
}

function most(block: readonly Sequence[], sizeOf: (sequence: Sequence) => number): number {
  return block.reduce((largest, sequence) => Math.max(largest, sizeOf(sequence)), 0)
}
