// Prints docs/planning.md's table of predictions against the simulated engine:
//   node --conditions=@flexgen/source apps/bench/scripts/planning/predict-simulated.mjs
import { predictedAndSimulated } from '../../test/support/predicted-and-simulated.ts'

const batches = [
  [8, 1],
  [8, 2],
  [48, 3],
  [8, 24],
]

const shown = ({ predicted, simulated }) => {
  const error = Math.round(100 * (predicted / simulated - 1))
  return `${predicted.toPrecision(3)} / ${simulated.toPrecision(3)} | ${error} %`
}

console.log(
  '| machine | layers | attention | batches | prefill s, predicted / simulated | error | decode step s | error |',
)
console.log('|---|---|---|---|---|---|---|---|')
const errors = { prefill: [], decodeStep: [] }
for (const profile of ['flexgen-t4', 'h100-pcie5'])
  for (const sepLayer of [true, false])
    for (const hostAttention of [false, true])
      for (const [gpuBatchSize, numGpuBatches] of batches) {
        const policy = { profile, model: 'opt-6.7b', sepLayer, hostAttention, gpuBatchSize, numGpuBatches }
        const figures = await predictedAndSimulated({ ...policy, deviceWeights: 20 })
        for (const [phase, { predicted, simulated }] of Object.entries(figures))
          errors[phase].push(Math.abs(predicted / simulated - 1))
        const [layers, place] = [sepLayer ? 'apart' : 'whole', hostAttention ? 'host' : 'device']
        console.log(
          `| ${profile} | ${layers} | ${place} | ${gpuBatchSize}x${numGpuBatches} | ${shown(figures.prefill)} | ${shown(figures.decodeStep)} |`,
        )
      }
const percent = (share) => `${(100 * share).toFixed(0)} %`
for (const [phase, all] of Object.entries(errors)) {
  const sorted = all.toSorted((a, b) => a - b)
  console.log(`${phase}: median ${percent(sorted[Math.floor(sorted.length / 2)])}, worst ${percent(sorted.at(-1))}`)
}
