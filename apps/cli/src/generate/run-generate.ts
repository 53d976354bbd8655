import { UsageError } from '@flexgen/spec'
import type {
  EncodedPrompt,
  FlexgenEngine,
  OpenedModel,
  Prompt,
  ScoreResult,
  TextGenerationOptions,
  TextResult,
} from 'flexgen'
import type { CliContext } from '../cli-context.ts'
import { describePlacement, describePlan, describePrediction, describeSpeed } from '../output/describe-run.ts'
import { createListPresenter, createLivePresenter, createScorePresenter, type Presenter } from '../output/presenter.ts'
import { createProgress, type Progress } from '../output/progress.ts'
import type { Output } from '../output/terminal.ts'
import { BudgetFile } from './budget-file.ts'
import { checkFiles } from './check-files.ts'
import { makeRandomPrompts, readPrompts } from './collect-prompts.ts'
import type { GenerateFlags } from './generate-flags.ts'
import { engineOptionsOf, generationOptionsOf, newTokensOf } from './options-of-flags.ts'
import { type OutputRecord, toOutputRecord, toScoreRecord } from './output-record.ts'
import { policyFileOf } from './policy-of-flags.ts'
import { type PendingPrompt, pendingPrompts } from './pending-prompts.ts'
import { openResultFile, type ResultFile } from './result-file.ts'

/** The command `generate`: everything that can be wrong is checked before weights are touched. */
export async function runGenerate(flags: GenerateFlags, { terminal, interrupt }: CliContext): Promise<void> {
  const { out, log } = terminal
  const level = flags.quiet === true ? 0 : flags.verbose
  const signal = AbortSignal.any([interrupt.signal, terminal.closed])
  checkFiles(flags)
  using budgets =
    flags.budgetFile === undefined
      ? undefined
      : new BudgetFile(flags.budgetFile, (line) => level > 0 && log.writeLine(line))
  const given = await readPrompts(flags, signal)
  if (flags.score === true) checkScored(given)
  const {
    checkTextGeneration,
    createChromeTrace,
    createEngine,
    encodePrompts,
    openModel,
    parseSize,
    readPolicyFile,
    replacementOf,
    scoreOf,
    workloadOf,
  } = await import('flexgen')
  const scores = flags.score === true
  const policyFile = policyFileOf(flags)
  const saved = policyFile === undefined ? undefined : await readPolicyFile(policyFile)
  const engineOptions = engineOptionsOf(flags, { parseSize, replacementOf }, saved)
  const generation = { ...generationOptionsOf(flags), signal }
  await using opened = await openModel(flags)
  checkTextGeneration(opened, generation)
  const all = encodePrompts([...given, ...(await makeRandomPrompts(flags, opened))], {
    ...opened,
    maxNewTokens: newTokensOf(flags),
    leastNewTokens: scores ? 0 : 1,
  })
  await using file = flags.output === undefined ? undefined : await openResultFile(flags.output, out)
  const finished = flags.resume === true ? await file!.recover() : []
  const prompts = pendingPrompts(all, finished, flags.output)
  if (prompts.length === 0) {
    if (level > 0) log.writeLine(`${flags.output} has the results of all ${all.length} prompts`)
    return
  }
  if (finished.length > 0 && level > 0) log.writeLine(`${finished.length} of ${all.length} outputs are there already`)
  await using trace = flags.trace === undefined ? undefined : await createChromeTrace(flags.trace)
  const progress = createProgress(level > 0 ? log : silent)
  await using engine = await createEngine({
    ...engineOptions,
    model: opened,
    workload: workloadOf(prompts),
    scores: scores || flags.logProbs === 'all',
    trace,
    signal,
    onProgress: ({ doneBytes, totalBytes }) =>
      progress.update({ label: 'loading weights', done: doneBytes, total: totalBytes, unit: 'bytes' }),
  })
  progress.clear()
  budgets?.follow({ setBudget: (budget) => engine.setBudget(budget), toBytes: parseSize })
  if (flags.resume !== true) await file?.clear()
  const print = (lines: readonly string[]): void => lines.forEach((line) => log.writeLine(line))
  if (level >= 2) print(describePlan(engine.plan))

  const presenter =
    flags.json === true || file !== undefined
      ? undefined
      : choosePresenter(out, prompts, opened, scores ? scoreOf : undefined)
  /** Kept for `--json` alone: a job of many prompts must not grow. */
  const outputs: OutputRecord[] = []
  const delivery = {
    engine,
    prompts,
    generation,
    presenter,
    progress,
    file,
    scoreOf: scores ? scoreOf : undefined,
    finishedCount: 0,
  }
  let isComplete = false
  try {
    await deliver(delivery, (record) => flags.json === true && outputs.push(record))
    isComplete = true
  } finally {
    progress.clear()
    if (!isComplete && level > 0 && delivery.finishedCount > 0)
      log.writeLine(`${delivery.finishedCount + finished.length} of ${all.length} outputs delivered`)
    // What has finished is delivered, also when the rest fails or is stopped.
    if (flags.json === true && !isComplete && outputs.length > 0) {
      out.writeLine(JSON.stringify({ outputs, report: engine.report() }))
    }
  }
  const isShown = level > 0 || flags.json === true
  const prediction = isShown && flags.debugMode === undefined ? await engine.prediction() : undefined
  const report = engine.report()
  if (flags.json === true) out.writeLine(JSON.stringify({ outputs, report: { ...report, prediction } }))
  if (level === 0) return
  const lines = [...describePlacement(report), ...describeSpeed(report), ...describePrediction(prediction)]
  print(['', ...lines].map((line) => log.style('dim', line)))
  print(report.notices.map((notice) => `${log.style('yellow', 'note:')} ${notice}`))
}

/** A line of --input may ask for new tokens. */
function checkScored(prompts: readonly Prompt[]): void {
  for (const prompt of prompts) {
    if (typeof prompt !== 'object' || !('maxNewTokens' in prompt)) continue
    throw new UsageError(`${prompt.label}: maxNewTokens and --score do not go together: nothing is generated`)
  }
}

interface Delivery {
  readonly engine: FlexgenEngine
  readonly prompts: readonly PendingPrompt[]
  readonly generation: TextGenerationOptions
  readonly presenter: Presenter | undefined
  readonly progress: Progress
  readonly file: ResultFile | undefined
  /** Where prompts are scored. */
  readonly scoreOf: ((result: TextResult) => ScoreResult) | undefined
  /** Counts results as they come. */
  finishedCount: number
}

async function deliver(delivery: Delivery, keep: (record: OutputRecord) => void): Promise<void> {
  const { engine, prompts, generation, presenter, progress, file, scoreOf } = delivery
  const scores = scoreOf !== undefined
  const label = scores ? 'scoring' : 'generating'
  let total = prompts.reduce((sum, { promptIds, maxNewTokens }) => sum + (scores ? promptIds.length : maxNewTokens), 0)
  let done = 0
  const showProgress = (): void => {
    // Tokens that come on the terminal are progress enough, and a line of progress would cut them.
    if (presenter?.isLive !== true) progress.update({ label, done, total, unit: 'tokens' })
  }
  presenter?.begin()
  showProgress()
  for await (const event of engine.generate(prompts, generation)) {
    if (event.type === 'token') done++
    else if (event.type === 'result') {
      const record = scoreOf ? toScoreRecord(scoreOf(event.result)) : toOutputRecord(event.result)
      if (scores) done += event.result.promptIds.length
      delivery.finishedCount++
      keep(record)
      await file?.add({ index: prompts[event.result.sequence]!.sampleKey, ...record })
      if (presenter !== undefined) progress.clear()
    } else {
      // Sequences that end before their limit leave less to do; results of a sweep reach the disk together.
      if (!scores) total = event.progress.maxNewTokens
      await file?.sync()
    }
    presenter?.show(event)
    showProgress()
  }
}

function choosePresenter(
  out: Output,
  prompts: readonly EncodedPrompt[],
  { tokenizer }: OpenedModel,
  scoreOf: Delivery['scoreOf'],
): Presenter {
  const options = { out, decode: tokenizer && ((ids: readonly number[]) => tokenizer.decode(ids)) }
  if (scoreOf) return createScorePresenter(options, scoreOf)
  const [first] = prompts
  return first !== undefined && prompts.length === 1
    ? createLivePresenter(options, first)
    : createListPresenter(options, prompts.length)
}

const silent: Output = {
  isTerminal: false,
  write: () => undefined,
  writeLine: () => undefined,
  style: (_, text) => text,
}
