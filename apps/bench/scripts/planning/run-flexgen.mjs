import { spawnSync } from 'node:child_process'
import { loadavg } from 'node:os'
import path from 'node:path'

const main = path.join(import.meta.dirname, '../../../cli/src/main.ts')

/** Runs the command from its sources, and gives what it printed as JSON. */
export function runFlexgen(words) {
  const { status, stdout } = spawnSync(process.execPath, ['--conditions=@flexgen/source', main, ...words], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 30,
  })
  // A side that fails is in the report as well.
  if (status !== 0 && stdout === '') throw new Error(`flexgen ${words.join(' ')} ended with ${status}`)
  return stdout === '' ? undefined : JSON.parse(stdout)
}

/** Median of some numbers. */
export function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
}

/** Ends where something else keeps the machine busy: figures would be of that. */
export function checkQuiet(isForced) {
  const [load] = loadavg()
  if (load > 1.5 && !isForced) {
    console.error(`the load is ${load.toFixed(1)}: wait until the machine is quiet, or give --force`)
    process.exit(1)
  }
}

/** Times of a side of a report: medians over its repetitions, and what was predicted. */
export function figuresOf(side, newTokens) {
  if (side.failure !== undefined) return { failure: side.failure.message }
  const of = (name) => side.repetitions.map((repetition) => repetition[name])
  const { prediction, notices } = side.typical.measurement
  return {
    prefillSeconds: median(of('prefillSeconds')),
    decodeStepSeconds: median(of('decodeSeconds')) / (newTokens - 1),
    totalSeconds: median(side.repetitions.map((each) => each.prefillSeconds + each.decodeSeconds)),
    repetitions: side.repetitions.map((each) => [each.prefillSeconds, each.decodeSeconds]),
    prediction,
    notices,
  }
}
