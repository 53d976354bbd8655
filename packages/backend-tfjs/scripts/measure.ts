// Matrix products of this backend beside the same products in bare TensorFlow.js, each in processes of their own that
// take turns: node --conditions=@flexgen/source scripts/measure.ts [wasm|node|cpu] [rounds]
import { spawnSync } from 'node:child_process'
import { productCases } from './product-cases.ts'
import { InternalError } from '@flexgen/spec'

const [engine = 'wasm', rounds = '5'] = process.argv.slice(2)

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

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!
console.log(`engine ${engine}, ${rounds} rounds: milliseconds of the best round, in brackets the median round`)
for (const [index, { title }] of productCases.entries()) {
  const describe = (side: 'bare' | 'flexgen'): { best: number; text: string } => {
    const runs = times[side].map((run) => run[index]!)
    const best = Math.min(...runs)
    return { best, text: `${best.toFixed(2)} (${median(runs).toFixed(2)})` }
  }
  const [bare, ours] = [describe('bare'), describe('flexgen')]
  console.log(`${title.padEnd(40)} bare ${bare.text}  ours ${ours.text}  speed ${(bare.best / ours.best).toFixed(2)}x`)
}
