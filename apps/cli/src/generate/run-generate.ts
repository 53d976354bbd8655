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
  const prompts = encodePrompts([...given, ...(await makeRandomPrompts(flags, opened))], {
    ...opened,
    maxNewTokens: flags.maxNewTokens,
  })
  await using file = flags.output === undefined ? undefined : await openResultFile(flags.output, out)
  await using trace = flags.trace === undefined ? undefined : await createChromeTrace(flags.trace)
  const progress = createProgress(level > 0 ? log : silent)
  await using engine = await createEngine({
    ...engineOptions,
    model: opened,
    workload: workloadOf(prompts),
    trace,
    signal,
    onProgress: ({ doneBytes, totalBytes }) =>
      progress.update({ label: 'loading weights', done: doneBytes, total: totalBytes, unit: 'bytes' }),
  })
  progress.clear()
  await file?.clear()
  const print = (lines: readonly string[]): void => lines.forEach((line) => log.writeLine(line))
  if (level >= 2) print(describePlan(engine.plan))

  const presenter = flags.json === true || file !== undefined ? undefined : choosePresenter(out, prompts, opened)
  const outputs: OutputRecord[] = []
  let isComplete = false
  try {
    await deliver({ engine, prompts, generation, outputs, presenter, progress, file })
    isComplete = true
  } finally {
    progress.clear()
    if (!isComplete && level > 0 && outputs.length > 0)
      log.writeLine(`${outputs.length} of ${prompts.length} outputs delivered`)
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
  readonly prompts: readonly EncodedPrompt[]
  readonly generation: TextGenerationOptions
  /** Filled as sequences finish. */
  readonly outputs: OutputRecord[]
  readonly presenter: Presenter | undefined
  readonly progress: Progress
  readonly file: ResultFile | undefined
}

async function deliver({ engine, prompts, generation, outputs, presenter, progress, file }: Delivery): Promise<void> {
  const total = prompts.reduce((sum, { maxNewTokens }) => sum + maxNewTokens, 0)
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
      outputs.push(record)
      await file?.add(record)
      if (presenter !== undefined) progress.clear()
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
