import type { FlexgenEngine } from 'flexgen'
import type { CliContext } from '../cli-context.ts'
import { formatBytes } from '../format/format-bytes.ts'
import { formatTable } from '../format/format-table.ts'
import { describePlacement, describeSpeed } from '../output/describe-run.ts'
import type { Output } from '../output/terminal.ts'

/** A fifth of the weights on the device, a fifth in RAM, the rest read from disk for every token; KV and hidden likewise. */
const demoPolicy = { percent: [20, 20, 30, 30, 25, 25], gpuBatchSize: 2, numGpuBatches: 2 }
const demoRam = '16MB'
const newTokens = 48

/** Runs the embedded model with all its data on three tiers, live, and prints the proof. */
export async function runDemo({ terminal, interrupt }: CliContext): Promise<void> {
  const { out } = terminal
  const signal = AbortSignal.any([interrupt.signal, terminal.closed])
  const { createEngine } = await import('flexgen')
  const { demoPrompts } = await import('@flexgen/demo-model')
  const prompts = demoPrompts.slice(0, 4)
  out.writeLine(out.style('bold', 'FlexGen for Node: a real OPT model, spread over device, RAM and disk'))
  out.writeLine(
    `6 million parameters, trained on public-domain text. RAM is capped at ${demoRam}; the rest rests on disk.\n`,
  )
  await using engine = await createEngine({ policy: demoPolicy, maxRam: demoRam, signal, seed: 3 })
  const sampling = { temperature: 0.8, topK: 40, maxNewTokens: newTokens, ignoreEos: true, signal }
  await writeLive(engine, prompts, sampling, out)
  printProof(engine, out)
  for (const line of nextSteps) out.writeLine(line)
}

/** The first prompt is written as its tokens come; the others follow once they have finished. */
async function writeLive(
  engine: FlexgenEngine,
  prompts: readonly string[],
  options: Parameters<FlexgenEngine['generate']>[1],
  out: Output,
): Promise<void> {
  out.write(out.style('cyan', prompts[0]!))
  for await (const event of engine.generate(prompts, options)) {
    if (event.type === 'token' && event.sequence === 0) out.write(event.text)
    else if (event.type === 'result') {
      const { sequence } = event.result
      out.writeLine(sequence === 0 ? '\n' : `${out.style('cyan', prompts[sequence]!)}${event.result.text ?? ''}\n`)
    }
  }
}

function printProof(engine: FlexgenEngine, out: Output): void {
  const report = engine.report()
  const decode = report.sweeps.filter((sweep) => sweep.phase === 'decode')
  const mean = (of: (sweep: (typeof decode)[number]) => number): string =>
    formatBytes(decode.reduce((sum, sweep) => sum + of(sweep), 0) / decode.length)
  out.writeLine(out.style('bold', 'Where it lay'))
  for (const line of describePlacement(report)) out.writeLine(`  ${line}`)
  out.writeLine(out.style('bold', '\nWhat moved, for every token of the four sequences (measured)'))
  const proof = [
    ['weights read from the checkpoint on disk', mean((sweep) => sweep.extentBytesRead)],
    ['KV cache and activations read from disk', mean((sweep) => sweep.regionBytesRead)],
    ['KV cache and activations written to disk', mean((sweep) => sweep.regionBytesWritten)],
    ['most RAM held, of the 16 MB allowed', formatBytes(report.peakRamBytes)],
  ]
  for (const line of formatTable(proof)) out.writeLine(`  ${line}`)
  out.writeLine('')
  for (const line of describeSpeed(report)) out.writeLine(out.style('dim', line))
  for (const notice of report.notices) out.writeLine(`${out.style('yellow', 'note:')} ${notice}`)
}

const nextSteps = [
  '\nNext:',
  '  npm run -s flexgen -- generate --prompt "My fellow citizens" --max-new-tokens 40',
  '  npm run -s flexgen -- generate --model PATH/TO/opt-1.3b --prompt "Paris is" --percent 0 25 0 100 0 100',
  '  npm run -s flexgen -- doctor',
]
