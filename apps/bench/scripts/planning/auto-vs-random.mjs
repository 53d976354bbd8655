// `--policy auto` against policies drawn at random (by a seed), on three workloads with made-up weights: 30 that fit are
// measured once, the best three of them again in turn with auto and with what FlexGen's own cost model chooses for the same
// machine, five times. Policies that do not fit in the RAM that is allowed are drawn again. Writes JSON and prints a Markdown
// table. On two quiet cores it takes about half an hour.
//   node apps/bench/scripts/planning/auto-vs-random.mjs [--force] [--seed 1] [--count 30] [--output FILE] [--only NAME] [--hardware FILE]
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { checkQuiet, figuresOf, runFlexgen } from './run-flexgen.mjs'

const { values } = parseArgs({
  options: {
    force: { type: 'boolean' },
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '30' },
    output: { type: 'string', default: 'docs/measurements/auto-vs-random.json' },
    only: { type: 'string', default: '' },
    hardware: { type: 'string' },
  },
})
checkQuiet(values.force)
const folder = mkdtempSync(path.join(tmpdir(), 'flexgen-auto-'))
const profile = values.hardware ?? path.join(folder, 'hardware.json')
if (values.hardware === undefined) runFlexgen(['profile', '--output', profile, '--json'])

const workloads = [
  { name: 'a small answer', model: 'opt-1.3b', prompts: 8, promptLen: 64, newTokens: 8, ramBytes: 2e9 },
  { name: 'a batch job', model: 'opt-350m', prompts: 24, promptLen: 32, newTokens: 8, ramBytes: 700e6 },
  { name: 'a model beyond its RAM', model: 'opt-350m', prompts: 8, promptLen: 16, newTokens: 8, ramBytes: 400e6 },
].filter(({ name }) => name.includes(values.only))

/** Numbers of 0 to 1 by a seed (mulberry32). */
function randomNumbers(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function randomPolicy(random, prompts) {
  const share = () => {
    const device = Math.round(random() * 100)
    return [device, Math.round(random() * (100 - device))]
  }
  const gpuBatchSize = 1 + Math.floor(random() * prompts)
  const numGpuBatches = 1 + Math.floor(random() * Math.ceil(prompts / gpuBatchSize))
  const percent = [...share(), ...share(), 100, 0]
  return `--percent ${percent.join(' ')} --gpu-batch-size ${gpuBatchSize} --num-gpu-batches ${numGpuBatches}`
}

const results = []
/** FlexGen's own policy: its model knows a device and RAM, which are halves of the same memory here. */
function flexgenPolicy({ model, prompts, promptLen, newTokens, ramBytes }) {
  const half = `${ramBytes / 2}B`
  const problem = `--model ${model} --prompt-len ${promptLen} --gen-len ${newTokens} --gpu-batch-size ${prompts} --num-gpu-batches 1`
  const machine = `--cost-model flexgen --hardware ${profile} --gpu-mem ${half} --cpu-mem ${half} --disk 50GB`
  const { policy } = runFlexgen(['plan', ...problem.split(' '), ...machine.split(' '), '--json'])
  return `--placement flexgen --percent ${policy.percent.join(' ')} --gpu-batch-size ${prompts} --num-gpu-batches 1`
}

for (const workload of workloads) {
  const { name, model, prompts, promptLen, newTokens, ramBytes } = workload
  const random = randomNumbers(Number(values.seed))
  let reports = 0
  const measure = (policies, repeat) => {
    const common = `--model ${model} --path _DUMMY_ --num-prompts ${prompts} --prompt-len ${promptLen} --gen-len ${newTokens}`
    const fixed = [
      '--max-ram',
      `${ramBytes}B`,
      '--hardware',
      profile,
      '--no-history',
      '--repeat',
      String(repeat),
      '--warm-up',
      '0',
    ]
    const commands = policies.flatMap((policy) => ['--command', policy])
    const output = ['--no-log', '--json', '--output-dir', path.join(folder, `${results.length}-${reports++}`)]
    const report = runFlexgen(['bench', ...common.split(' '), ...fixed, ...commands, ...output])
    return report.sides.map((side) => figuresOf(side, newTokens))
  }
  const drawn = []
  while (drawn.length < Number(values.count)) {
    const policies = Array.from({ length: 15 }, () => randomPolicy(random, prompts))
    measure(policies, 1).forEach((figures, i) => {
      if (figures.failure !== undefined || drawn.length === Number(values.count)) return
      drawn.push({ policy: policies[i], totalSeconds: figures.totalSeconds })
      console.error(`${name}: ${drawn.length}/${values.count} ${policies[i]} ${figures.totalSeconds} s`)
    })
  }
  const best = drawn.toSorted((a, b) => a.totalSeconds - b.totalSeconds).slice(0, 3)
  const original = flexgenPolicy(workload)
  const [auto, flexgen, ...again] = measure(['--policy auto', original, ...best.map(({ policy }) => policy)], 5)
  results.push({
    ...workload,
    auto,
    flexgen: { policy: original, ...flexgen },
    drawn,
    best: best.map(({ policy }, i) => ({ policy, ...again[i] })),
  })
  writeFileSync(values.output, `${JSON.stringify({ seed: Number(values.seed), results }, null, 2)}\n`)
}

console.log(
  '| workload | auto s | best of the random ones s | auto against it | FlexGen’s policy s | auto against it |',
)
console.log('|---|---|---|---|---|---|')
for (const { name, auto, best, flexgen } of results) {
  const least = Math.min(...best.map(({ totalSeconds }) => totalSeconds))
  const times = (seconds) => (seconds === undefined ? '-' : `${(seconds / auto.totalSeconds).toFixed(2)}x`)
  const original = flexgen.failure ?? flexgen.totalSeconds.toFixed(2)
  console.log(
    `| ${name} | ${auto.totalSeconds.toFixed(2)} | ${least.toFixed(2)} | ${times(least)} | ${original} | ${times(flexgen.totalSeconds)} |`,
  )
}
