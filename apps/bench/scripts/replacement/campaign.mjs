// Random scenarios on simulated machines: what the planner makes of a machine that it believes in, against the same plan
// with placement that follows the run (timing 2, moves counted). Machines are not what the planner believes, links change in
// mid-run, every operation is up to 10 % longer or shorter, sequences end at random. Writes JSON, a plot, and a summary:
//   node --conditions=@flexgen/source apps/bench/scripts/replacement/campaign.mjs [--count 200] [--seed 1] [--output FILE]
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { keyedUniform } from '@flexgen/core'
import { namedProfile } from '@flexgen/planner'
import { settingsOf } from '../../src/case/case-settings.ts'
import { measureCase } from '../../src/measure/measure-case.ts'
import { ratioPlot } from './ratio-plot.mjs'

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    first: { type: 'string', default: '0' },
    output: { type: 'string', default: 'docs/measurements/replacement-campaign.json' },
    plot: { type: 'string', default: 'docs/images/replacement-campaign.svg' },
  },
})
const gibibyte = 2 ** 30
const folder = await mkdtemp(path.join(tmpdir(), 'flexgen-campaign-'))

/** Draws of one scenario, each under a number of its own. */
function draws(scenario) {
  let at = 0
  const next = () => keyedUniform(Number(values.seed), scenario, at++)
  return {
    pick: (choices) => choices[Math.floor(next() * choices.length)],
    between: (low, high) => low + (high - low) * next(),
    chance: (share) => next() < share,
  }
}

/** What is run, and on what. */
function drawScenario(index) {
  const { pick, between, chance } = draws(index)
  const machine = pick(['flexgen-t4', 'h100-pcie5', 'h100-pcie5'])
  const model = pick(['opt-1.3b', 'opt-2.7b', 'opt-6.7b'])
  const weightGib = { 'opt-1.3b': 2.5, 'opt-2.7b': 5, 'opt-6.7b': 12.5 }[model]
  const deviceGib = Math.min(machine === 'flexgen-t4' ? 15 : 78, weightGib * between(0.3, 1.2) + 2)
  const genLen = pick([48, 96, 160])
  const speeds = ['hostToDevice', 'hostCompute', 'deviceCompute']
  // The truth against what the planner believes, and what changes later.
  const wrong = speeds.map((speed) => ({ atSweep: 0, speed, factor: between(0.5, 1.5) }))
  const drifts = speeds.flatMap((speed, i) => {
    if (!chance(0.4)) return []
    const atSweep = Math.floor(between(0.2, 0.8) * genLen)
    return [{ atSweep, speed, factor: wrong[i].factor * between(0.5, 1.5) }]
  })
  const budgets = chance(0.25)
    ? [
        {
          atSweep: Math.floor(between(0.3, 0.6) * genLen),
          budget: 'device',
          bytes: deviceGib * between(1, 1.6) * gibibyte,
        },
      ]
    : []
  return {
    flags: {
      simulate: machine,
      model,
      promptLen: pick([64, 256, 512]),
      maxNewTokens: genLen,
      gpuBatchSize: pick([4, 8, 16]),
      numGpuBatches: pick([1, 2, 3]),
      maxDeviceMemory: `${Math.floor(deviceGib * gibibyte)}B`,
      sepLayer: chance(0.5),
    },
    scenario: {
      schemaVersion: 1,
      noise: { spread: 0.1, seed: index },
      changes: [...wrong, ...drifts, ...budgets],
      ...(chance(0.3) && { lengths: { least: Math.ceil(genLen / 4), most: genLen, seed: index } }),
    },
  }
}

const results = []
try {
  for (let index = Number(values.first); results.length < Number(values.count); index++) {
    const { flags, scenario } = drawScenario(index)
    const file = path.join(folder, `${index}.json`)
    await writeFile(file, JSON.stringify(scenario))
    const common = { ...flags, scenario: file }
    const seconds = []
    try {
      for (const way of [{}, { reallocateTiming: 2, includeReallocatePunish: true }]) {
        const { prefillSeconds, decodeSeconds, replacement } = await measureCase(settingsOf({ ...common, ...way }, 0))
        seconds.push({ total: prefillSeconds + decodeSeconds, replacement })
      }
    } catch (error) {
      // A model that does not fit in so little is drawn again.
      if (error.code !== 'INFEASIBLE') throw error
      continue
    }
    const [fixed, moving] = seconds
    const { steps, moveSeconds, decideSeconds, timeline } = moving.replacement
    results.push({
      index,
      flags,
      scenario,
      fixedSeconds: fixed.total,
      movingSeconds: moving.total,
      ratio: fixed.total / moving.total,
      moveSeconds,
      decideShare: decideSeconds / moving.total,
      sweeps: timeline.length,
      decisions: steps.map(({ what }) => what),
    })
    console.error(`${results.length}: ${(fixed.total / moving.total).toFixed(3)} ${flags.simulate} ${flags.model}`)
  }
} finally {
  await rm(folder, { recursive: true })
}
const ratios = results.map(({ ratio }) => ratio).toSorted((a, b) => a - b)
const at = (share) => ratios[Math.min(ratios.length - 1, Math.floor(share * ratios.length))]
const summary = {
  count: ratios.length,
  least: ratios[0],
  tenth: at(0.1),
  median: at(0.5),
  ninetieth: at(0.9),
  most: ratios.at(-1),
}
const command = `campaign.mjs --count ${values.count} --seed ${values.seed}`
const profiles = ['flexgen-t4', 'h100-pcie5'].map((name) => namedProfile(name).description)
await writeFile(
  values.output,
  `${JSON.stringify({ command, date: new Date().toISOString(), profiles, summary, results }, null, 1)}\n`,
)
await writeFile(values.plot, await ratioPlot(ratios))
console.log(JSON.stringify(summary))
