// Predictions of the engine's cost model beside medians of real runs: four policies of three models with made-up weights, and
// two of another backend. No run is used to fit anything: everything comes from a profile that is measured first, and the
// history is off. Writes JSON and prints a Markdown table. On two quiet cores it takes three quarters of an hour.
//   node apps/bench/scripts/planning/measure-predictions.mjs [--force] [--profile FILE] [--output FILE] [--only TEXT]
//     [--repeat N]
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { checkQuiet, figuresOf, runFlexgen } from './run-flexgen.mjs'

const { values } = parseArgs({
  options: {
    force: { type: 'boolean' },
    profile: { type: 'string' },
    output: { type: 'string', default: 'docs/measurements/predictions.json' },
    only: { type: 'string', default: '' },
    repeat: { type: 'string' },
  },
})
checkQuiet(values.force)
const folder = mkdtempSync(path.join(tmpdir(), 'flexgen-predictions-'))
const profile = values.profile ?? path.join(folder, 'hardware.json')
if (values.profile === undefined) runFlexgen(['profile', '--output', profile, '--json'])

const newTokens = 6
const policies = [
  ['in memory', '--percent 100 0 100 0 100 0'],
  ['weights in RAM as they are', '--percent 0 100 0 100 100 0'],
  ['70 % of the weights on disk', '--percent 0 30 100 0 100 0'],
  ['70 % of the weights on disk, direct reads', '--percent 0 30 100 0 100 0 --direct-io'],
]
const cases = [
  ...[
    ['opt-1.3b', 128, '--gpu-batch-size 8'],
    ['opt-2.7b', 64, '--gpu-batch-size 4 --num-gpu-batches 2'],
    ['opt-6.7b', 32, '--gpu-batch-size 8'],
  ].flatMap(([model, promptLen, split]) =>
    policies.map(([title, flags]) => [`${model}, ${title}`, model, promptLen, `${split} ${flags}`]),
  ),
  ...policies
    .slice(1, 3)
    .map(([title, flags]) => [
      `opt-1.3b, ${title}, ONNX Runtime`,
      'opt-1.3b',
      128,
      `--gpu-batch-size 8 ${flags} --backend onnxruntime`,
    ]),
].filter(([title]) => title.includes(values.only))

const rows = []
for (const [title, model, promptLen, flags] of cases) {
  const words = `--model ${model} --path _DUMMY_ --prompt-len ${promptLen} --gen-len ${newTokens} ${flags}`.split(' ')
  const repeat = values.repeat ?? (model === 'opt-6.7b' ? '3' : '5')
  const fixed = ['--no-history', '--hardware', profile, '--repeat', repeat, '--warm-up', '0', '--no-log', '--json']
  const report = runFlexgen(['bench', ...words, ...fixed, '--output-dir', path.join(folder, String(rows.length))])
  rows.push({ title, command: `flexgen bench ${words.join(' ')}`, ...figuresOf(report.sides[0], newTokens) })
  writeFileSync(
    values.output,
    `${JSON.stringify({ hardware: JSON.parse(readFileSync(profile, 'utf8')), rows }, null, 2)}\n`,
  )
  console.error(`${rows.length}/${cases.length} ${title}`)
}

const error = (measured, predicted) => `${(100 * (predicted / measured - 1)).toFixed(0)} %`
console.log('| run | prefill s, predicted / measured | error | decode step s | error | peak RAM GB | error |')
console.log('|---|---|---|---|---|---|---|')
const errors = []
for (const { title, failure, prediction, prefillSeconds, decodeStepSeconds } of rows) {
  if (failure !== undefined) {
    console.log(`| ${title} | ${failure} | | | | | |`)
    continue
  }
  const { predicted, measured } = prediction
  const cells = [
    [predicted.prefillSeconds, prefillSeconds, 1, 1],
    [predicted.decodeStepSeconds, decodeStepSeconds, 1, 3],
    [predicted.peakRamBytes, measured.peakRamBytes, 1e-9, 2],
  ].flatMap(([expected, was, scale, digits]) => {
    errors.push(Math.abs(expected / was - 1))
    return [`${(expected * scale).toFixed(digits)} / ${(was * scale).toFixed(digits)}`, error(was, expected)]
  })
  console.log(`| ${title} | ${cells.join(' | ')} |`)
}
const sorted = errors.toSorted((a, b) => a - b)
const percent = (share) => `${(100 * share).toFixed(1)} %`
console.log(
  `\n${sorted.length} figures: median error ${percent(sorted[Math.floor(sorted.length / 2)])}, worst ${percent(sorted.at(-1))}`,
)
