// Matrix products of this backend beside the same products in bare TensorFlow.js, each in processes of their own that
// take turns: node --conditions=@flexgen/source scripts/measure.ts [wasm|node|cpu] [rounds]
import { spawnSync } from 'node:child_process'
import { InternalError } from '@flexgen/spec'
import { productCases } from './product-cases.ts'

const [engine = 'wasm', rounds = '5'] = process.argv.slice(2)
/** What the products of this backend may not be slower than, as a share of the speed of bare TensorFlow.js. */
const leastSpeed = 0.8

function measure(side: 'bare' | 'flexgen'): number[] {
  const script = `${import.meta.dirname}/measure-${side}.ts`
  const args = ['--conditions=@flexgen/source', script, engine]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (status !== 0) throw new InternalError(`the side ${side} ended with ${status}: ${stderr}`)
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as number[]
}

const times = { bare: [] as number[][], flexgen: [] as number[][] }
for (let round = 0; round < Number(rounds); round++)
  for (const side of ['bare', 'flexgen'] as const) times[side].push(measure(side))

const show = (ms: number): string => ms.toPrecision(3)
const describe = (runs: readonly number[]): { readonly median: number; readonly text: string } => {
  const sorted = runs.toSorted((a, b) => a - b)
  const median = sorted[sorted.length >> 1]!
  return { median, text: `${show(median)} (${show(sorted[0]!)} to ${show(sorted.at(-1)!)})` }
}

console.log(`engine ${engine}, ${rounds} rounds: milliseconds of the median round (least to most)`)
for (const [index, { title }] of productCases.entries()) {
  const [bare, ours] = [times.bare, times.flexgen].map((all) => describe(all.map((run) => run[index]!)))
  const speed = bare!.median / ours!.median
  const verdict = speed < leastSpeed ? `, below ${leastSpeed}x` : ''
  if (speed < leastSpeed) process.exitCode = 1
  console.log(`${title.padEnd(40)} bare ${bare!.text}  here ${ours!.text}  speed ${speed.toFixed(2)}x${verdict}`)
}
