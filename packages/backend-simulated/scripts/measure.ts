// Steps (layer, batch, task) a second of the whole engine on a simulated machine:
//   pnpm --filter @flexgen/backend-simulated measure
import { measureSteps, type StepCase } from '../test/support/measure-steps.ts'

const cases: readonly StepCase[] = [
  {
    title: 'OPT-30B, KV and hidden states in RAM, 4x8',
    model: 'opt-30b',
    prompt: 64,
    tokens: 64,
    policy: { percent: [10, 90, 0, 100, 0, 100], gpuBatchSize: 4, numGpuBatches: 8 },
  },
  {
    title: 'OPT-30B, KV in RAM, attended on the host, 48x3',
    model: 'opt-30b',
    prompt: 512,
    tokens: 32,
    policy: {
      percent: [20, 80, 0, 100, 0, 100],
      gpuBatchSize: 48,
      numGpuBatches: 3,
      hostAttentionPercent: 100,
      placement: 'flexgen',
    },
  },
  {
    title: 'OPT-175B, half of the weights on disk, 1x1',
    model: 'opt-175b',
    prompt: 32,
    tokens: 64,
    policy: { percent: [0, 50, 100, 0, 100, 0], gpuBatchSize: 1, numGpuBatches: 1 },
  },
  {
    title: 'OPT-175B, all KV on disk, attended on the host, 28x9',
    model: 'opt-175b',
    prompt: 512,
    tokens: 32,
    policy: { percent: [0, 35, 0, 0, 0, 100], gpuBatchSize: 28, numGpuBatches: 9, hostAttentionPercent: 100 },
  },
]

// Compiles what runs most, as in a process that has simulated for a while.
await measureSteps({ ...cases[0]!, model: 'opt-6.7b' })
for (const each of cases) {
  const { steps, operations, seconds, cpuSeconds, simulatedSeconds, tokensPerSecond, heldBytes } =
    await measureSteps(each)
  const perSecond = (count: number): string =>
    `${Math.round(count / seconds)}/s (${Math.round(count / cpuSeconds)}/CPU s)`
  console.log(
    `${each.title}: ${tokensPerSecond.toPrecision(3)} token/s, ${simulatedSeconds.toFixed(0)} s in ${seconds.toFixed(2)} s; ` +
      `${steps} steps, ${perSecond(steps)}; ${operations} operations, ${perSecond(operations)}; ` +
      `holds ${(heldBytes / 2 ** 30).toFixed(0)} GiB in ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`,
  )
}
