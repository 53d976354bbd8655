import { createEngine, createPolicy, type PolicyOptions, sweep } from '@flexgen/core'
import { optFamily } from '@flexgen/opt'
import type { TraceSpan } from '@flexgen/spec'
import { createSimulatedSource, createSimulation, type SimulatedHardware } from '../../src/index.ts'

const gib = 2 ** 30
const hardware: SimulatedHardware = {
  name: 't4-like',
  description: 'numbers like those of a T4',
  machine: { device: 'gpu', deviceName: 'T4', cpuCores: 16 },
  capacity: { deviceBytes: 15 * gib, ramBytes: 200 * gib, diskBytes: 1500 * gib },
  links: {
    hostToDevice: { pinned: { bytesPerSecond: 12e9 }, pageable: { bytesPerSecond: 12e9 / 2 } },
    deviceToHost: { pinned: { bytesPerSecond: 12e9 }, pageable: { bytesPerSecond: 12e9 / 2 } },
    diskRead: { direct: { bytesPerSecond: 2e9 }, buffered: { bytesPerSecond: 1.6e9 } },
    diskWrite: { direct: { bytesPerSecond: 1e9 }, buffered: { bytesPerSecond: 1e9 } },
    ramRead: { bytesPerSecond: 60e9 },
  },
  compute: {
    device: {
      matmul: [
        { dtype: 'float16', weights: 'bound', rows: 1, flopsPerSecond: 0.24e12 },
        { dtype: 'float16', weights: 'bound', rows: 32, flopsPerSecond: 4.3e12 },
        { dtype: 'float16', weights: 'bound', rows: 512, flopsPerSecond: 21.24e12 },
      ],
      decodeAttention: [{ dtype: 'float16', sequences: 1, bytesPerSecond: 79e9 }],
      prefillAttention: [{ dtype: 'float16', promptTokens: 512, flopsPerSecond: 9.97e12 }],
      dequantizeBytesPerSecond: 100e9,
      quantizeBytesPerSecond: 50e9,
    },
    host: {
      matmul: [{ dtype: 'float32', weights: 'bound', rows: 32, flopsPerSecond: 0.3e12 }],
      decodeAttention: [{ dtype: 'float16', sequences: 64, bytesPerSecond: 12.3e9 }],
      prefillAttention: [{ dtype: 'float32', promptTokens: 512, flopsPerSecond: 0.1e12 }],
      dequantizeBytesPerSecond: 10e9,
      quantizeBytesPerSecond: 3e9,
    },
  },
  costs: { stageSeconds: 100e-6, transferSeconds: 20e-6, sweepSeconds: 1e-3 },
}

/** A run whose speed is measured. */
export interface StepCase {
  readonly title: string
  readonly model: string
  readonly prompt: number
  readonly tokens: number
  readonly policy: PolicyOptions
}

/** How fast a run was simulated. */
export interface StepMeasurement {
  /** (layer, batch, task) of all sweeps. */
  readonly steps: number
  readonly operations: number
  readonly seconds: number
  /** Of the processor, whatever else the machine does. */
  readonly cpuSeconds: number
  readonly simulatedSeconds: number
  readonly tokensPerSecond: number
  readonly heldBytes: number
}

/** Runs a case, the whole engine, and says how fast that went; loading is not counted. */
export async function measureSteps({ model: name, prompt, tokens, policy: given }: StepCase): Promise<StepMeasurement> {
  await using simulation = createSimulation({ hardware })
  const { backend, host, ram, disk, clock } = simulation
  const model = optFamily.create(optFamily.builtinConfig(name), { name })
  const policy = createPolicy(given)
  const sequences = policy.gpuBatchSize * policy.numGpuBatches
  let operations = 0
  let layerRuns = 0
  const span = ({ label }: TraceSpan): void => {
    operations++
    if (label === 'run mlp') layerRuns++
  }
  await using engine = await createEngine({
    model,
    weights: createSimulatedSource({ model }),
    backend,
    host,
    ram,
    disk,
    clock,
    policy,
    trace: { span },
    maxDeviceBytes: hardware.capacity.deviceBytes,
    workload: { sequences, maxPromptTokens: prompt, maxNewTokens: tokens },
  })
  operations = 0
  const promptIds = Array.from({ length: prompt }, (_, i) => 20 + i)
  const requests = Array.from({ length: sequences }, () => ({ promptIds }))
  const begun = performance.now()
  const cpuBefore = process.cpuUsage()
  await engine.generateAll(requests, { maxNewTokens: tokens, ignoreEos: true })
  const seconds = (performance.now() - begun) / 1000
  const { user, system } = process.cpuUsage(cpuBefore)
  const cpuSeconds = (user + system) / 1e6
  // As many batches as really ran: the engine may merge them.
  const batches = Math.round(layerRuns / (model.facts.decoderLayers * tokens))
  const kinds = model.layers.map(({ kind }) => kind)
  const steps = tokens * countSteps(kinds, batches, policy.hostAttentionPercent > 0)
  const { totalTokensPerSecond, prefillSeconds, decodeSeconds, peakRamBytes } = engine.report()
  return {
    steps,
    operations,
    seconds,
    cpuSeconds,
    simulatedSeconds: prefillSeconds + decodeSeconds,
    tokensPerSecond: totalTokensPerSecond,
    heldBytes: peakRamBytes,
  }
}

function countSteps(kinds: readonly string[], batches: number, isSplit: boolean): number {
  const isAttention = (layer: number): boolean => kinds[layer] === 'attention'
  const steps = sweep({
    firstLayer: 0,
    endLayer: kinds.length,
    batches,
    hasCache: isAttention,
    isReady: () => true,
    isSplit: (layer) => isSplit && isAttention(layer),
    lookAhead: 2,
    startsWarm: true,
    continues: true,
  })
  return [...steps].length
}
