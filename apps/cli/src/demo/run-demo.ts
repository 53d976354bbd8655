import type { CreateEngineOptions, FlexgenEngine } from 'flexgen'
import type { CliContext } from '../cli-context.ts'
import { formatBytes } from '../format/format-bytes.ts'
import type { Output } from '../output/terminal.ts'
import {
  demoGeneration,
  demoPagePositions,
  demoPolicy,
  demoPrompts,
  demoRamShare,
  inMemoryPolicy,
} from './demo-settings.ts'
import { describeProof } from './describe-proof.ts'
import { describeNextSteps } from './next-steps.ts'
import { createWordWrap } from './word-wrap.ts'

/** The flags of `demo`. */
export interface DemoFlags {
  readonly backend: string
  readonly hostBackend?: string
}

/** Runs the embedded model with all its data on three tiers, live, and prints the proof. */
export async function runDemo(flags: DemoFlags, { terminal, interrupt }: CliContext): Promise<void> {
  const { out } = terminal
  const signal = AbortSignal.any([interrupt.signal, terminal.closed])
  out.writeLine(out.style('bold', 'FlexGen for Node: a real OPT model writes, spread over memory and disk'))
  out.writeLine('6 million parameters, trained on addresses to Congress and on Moby Dick.')

  const { createEngine, encodePrompts, openBackend, openModel, workloadOf } = await import('flexgen')
  await using model = await openModel()
  const { backend, notices } = await openBackend(flags.backend)
  await using _ = backend
  writeWrapped(out, `Backend: ${backend.name} (${backend.device.description})`)
  const { maxNewTokens = 0 } = demoGeneration
  const workload = workloadOf(encodePrompts(demoPrompts, { ...model, maxNewTokens }))
  const { hostBackend } = flags
  const options: CreateEngineOptions = {
    model,
    backend,
    hostBackend,
    workload,
    signal,
    pagePositions: demoPagePositions,
  }
  const policyOf = (policy: typeof demoPolicy): typeof demoPolicy =>
    hostBackend === undefined ? policy : { ...policy, hostAttentionPercent: 100 }

  const inMemoryBytes = await plannedRamBytes(() => createEngine({ ...options, policy: policyOf(inMemoryPolicy) }))
  const maxRamBytes = Math.ceil((inMemoryBytes * demoRamShare) / 1e6) * 1e6
  const [needed, allowed] = [formatBytes(inMemoryBytes), formatBytes(maxRamBytes)]
  out.writeLine(`In memory alone this run takes ${needed}; it is allowed ${allowed} of RAM.\n`)

  await using engine = await createEngine({ ...options, policy: policyOf(demoPolicy), maxRam: maxRamBytes })
  const firstTokenSeconds = await writeTexts(engine, out, signal)
  const report = engine.report()
  out.writeLine(out.style('bold', 'Where it lay, and what the disk moved for every token of the four texts'))
  for (const line of describeProof(report, { maxRamBytes, firstTokenSeconds })) out.writeLine(`  ${line}`.trimEnd())
  for (const notice of [...notices, ...report.notices]) writeWrapped(out, `${out.style('yellow', 'note:')} ${notice}`)
  out.writeLine(out.style('bold', '\nNext'))
  for (const line of describeNextSteps(process.env)) out.writeLine(line)
}

/** A paragraph of lines that fit the terminal of old. */
function writeWrapped(out: Output, text: string): void {
  const lines = createWordWrap(out, { indent: 0, width: 80 })
  lines.write(text)
  lines.end()
}

/** What an engine may hold in RAM at most. */
async function plannedRamBytes(create: () => Promise<FlexgenEngine>): Promise<number> {
  await using engine = await create()
  return engine.plan.ram.total
}

/**
 * The first text is written as its tokens come, the others once they have finished.
 * @returns seconds from the start of the process to the first token
 */
async function writeTexts(engine: FlexgenEngine, out: Output, signal: AbortSignal): Promise<number> {
  const begin = (sequence: number): ReturnType<typeof createWordWrap> => {
    const text = createWordWrap(out, { indent: 2, width: 78 })
    const words = demoPrompts[sequence]!.split(' ').map((word) => out.style('cyan', word))
    text.write(words.join(' '))
    return text
  }
  let firstTokenSeconds: number | undefined
  const live = begin(0)
  for await (const event of engine.generate(demoPrompts, { ...demoGeneration, signal })) {
    // The clock of `performance` starts with the process.
    firstTokenSeconds ??= performance.now() / 1000
    if (event.type === 'token') {
      if (event.sequence === 0) live.write(event.text)
      continue
    }
    if (event.type === 'sweep') continue
    const { sequence, text = '', finishReason } = event.result
    const written = sequence === 0 ? live : begin(sequence)
    written.write(sequence === 0 ? event.text : text)
    written.end(finishReason === 'length' ? ' …' : '')
    out.writeLine()
  }
  return firstTokenSeconds ?? 0
}
