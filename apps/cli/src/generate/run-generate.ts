import type { EncodedPrompt, FlexgenEngine, OpenedModel, TextGenerationOptions } from 'flexgen'
import type { CliContext } from '../cli-context.ts'
import { describePlacement, describePlan, describeSpeed } from '../output/describe-run.ts'
import { createListPresenter, createLivePresenter, type Presenter } from '../output/presenter.ts'
import { createProgress, type Progress } from '../output/progress.ts'
import type { Output } from '../output/terminal.ts'
import { checkFiles } from './check-files.ts'
import { makeRandomPrompts, readPrompts } from './collect-prompts.ts'
import type { GenerateFlags } from './generate-flags.ts'
import { engineOptionsOf, generationOptionsOf } from './options-of-flags.ts'
import { type OutputRecord, toOutputRecord } from './output-record.ts'
import { type PendingPrompt, pendingPrompts } from './pending-prompts.ts'
import { openResultFile, type ResultFile } from './result-file.ts'

/** The command `generate`: everything that can be wrong is checked before weights are touched. */
export async function runGenerate(flags: GenerateFlags, { terminal, interrupt }: CliContext): Promise<void> {
  const { out, log } = terminal
  const level = flags.quiet === true ? 0 : flags.verbose
  const signal = AbortSignal.any([interrupt.signal, terminal.closed])
  checkFiles(flags)
  const given = await readPrompts(flags, signal)
  const { checkTextGeneration, createChromeTrace, createEngine, encodePrompts, openModel, parseSize, workloadOf } =
    await import('flexgen')
  const engineOptions = engineOptionsOf(flags, parseSize)
  const generation = { ...generationOptionsOf(flags), signal }
  await using opened = await openModel(flags)
  checkTextGeneration(opened, generation)
  const all = encodePrompts([...given, ...(await makeRandomPrompts(flags, opened))], {
    ...opened,
    maxNewTokens: flags.maxNewTokens,
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
    workload: { ...workloadOf(prompts), ...(flags.logProbs === 'all' && { logits: 'all' }) },
    trace,
    signal,
    onProgress: ({ doneBytes, totalBytes }) =>
      progress.update({ label: 'loading weights', done: doneBytes, total: totalBytes, unit: 'bytes' }),
  })
  progress.clear()
  if (flags.resume !== true) await file?.clear()
  const print = (lines: readonly string[]): void => lines.forEach((line) => log.writeLine(line))
  if (level >= 2) print(describePlan(engine.plan))

  const presenter = flags.json === true || file !== undefined ? undefined : choosePresenter(out, prompts, opened)
  /** Kept for `--json` alone: a job of many prompts must not grow. */
  const outputs: OutputRecord[] = []
  const delivery = { engine, prompts, generation, presenter, progress, file, finishedCount: 0 }
  let isComplete = false
  try {
    await deliver(delivery, (record) => flags.json === true && outputs.push(record))
    isComplete = true
  } finally {
    progress.clear()
    if (!isComplete && level > 0 && delivery.finishedCount > 0)
      log.writeLine(`${delivery.finishedCount + finished.length} of ${all.length} outputs delivered`)
    // What has finished is delivered, also when the rest fails or is stopped.
    if (flags.json === true && (isComplete || outputs.length > 0)) {
      out.writeLine(JSON.stringify({ outputs, report: engine.report() }))
    }
  }
  if (level === 0) return
  const report = engine.report()
  print(['', ...describePlacement(report), ...describeSpeed(report)].map((line) => log.style('dim', line)))
  print(report.notices.map((notice) => `${log.style('yellow', 'note:')} ${notice}`))
}

interface Delivery {
  readonly engine: FlexgenEngine
  readonly prompts: readonly PendingPrompt[]
  readonly generation: TextGenerationOptions
  readonly presenter: Presenter | undefined
  readonly progress: Progress
  readonly file: ResultFile | undefined
  /** Counts results as they come. */
  finishedCount: number
}

async function deliver(delivery: Delivery, keep: (record: OutputRecord) => void): Promise<void> {
  const { engine, prompts, generation, presenter, progress, file } = delivery
  let total = prompts.reduce((sum, { maxNewTokens }) => sum + maxNewTokens, 0)
  let done = 0
  const showProgress = (): void => {
    // Tokens that come on the terminal are progress enough, and a line of progress would cut them.
    if (presenter?.isLive !== true) progress.update({ label: 'generating', done, total, unit: 'tokens' })
  }
  presenter?.begin()
  showProgress()
  for await (const event of engine.generate(prompts, generation)) {
    if (event.type === 'token') done++
    else if (event.type === 'result') {
      const record = toOutputRecord(event.result)
      delivery.finishedCount++
      keep(record)
      await file?.add({ index: prompts[event.result.sequence]!.sampleKey, ...record })
      if (presenter !== undefined) progress.clear()
    } else {
      // Sequences that end before their limit leave less to do; results of a sweep reach the disk together.
      total = event.progress.maxNewTokens
      await file?.sync()
    }
    presenter?.show(event)
    showProgress()
  }
}

function choosePresenter(out: Output, prompts: readonly EncodedPrompt[], { tokenizer }: OpenedModel): Presenter {
  const options = { out, decode: tokenizer && ((ids: readonly number[]) => tokenizer.decode(ids)) }
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
