// Times one policy on dummy weights: node bench.ts '{"model":"opt-6.7b","percent":[0,100,0,100,0,100],...}'.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createOnnxRuntimeCudaBackend } from '@flexgen/backend-onnxruntime'
import { compressSource, createDummySource } from '@flexgen/checkpoint'
import { chooseWeightForms, createEngine, createPolicy, type PolicyOptions } from '../../src/index.ts'
import { optFamily } from '@flexgen/opt'
import { type Backend, systemClock, type TraceSpan } from '@flexgen/spec'
import { createDiskTier, createRamTier } from '@flexgen/storage'
import { createFakeBackend } from './fake-backend.ts'

interface Case extends PolicyOptions {
  readonly model: string
  readonly dtype?: 'float16' | 'bfloat16' | 'float32'
  readonly promptLen?: number
  readonly genLen?: number
  /** Generations on the same engine. */
  readonly repeat?: number
  /** Whether the device's clock times every operation, which costs a little. */
  readonly trace?: boolean
  readonly fake?: boolean
}

/** Length of the union of some intervals, and bytes, of the spans after a time. */
function usage(spans: readonly TraceSpan[], fromMs: number, toMs: number): Record<string, unknown> {
  const late = spans
    .filter((span) => span.startMs >= fromMs && span.startMs < toMs)
    .toSorted((a, b) => a.startMs - b.startMs)
  let [busyMs, end] = [0, 0]
  for (const { startMs, endMs } of late) {
    busyMs += Math.max(0, endMs - Math.max(startMs, end))
    end = Math.max(end, endMs)
  }
  const sizeBytes = late.reduce((sum, span) => sum + span.sizeBytes, 0)
  return {
    operations: late.length,
    busyMs: Math.round(busyMs),
    gigabytes: sizeBytes / 1e9,
    gigabytesPerSecond: sizeBytes / 1e6 / busyMs,
  }
}

function usageOf(spans: ReadonlyMap<string, readonly TraceSpan[]>, fromMs: number, toMs: number): object {
  return Object.fromEntries([...spans].map(([queue, list]) => [queue, usage(list, fromMs, toMs)]))
}

async function measure(one: Case): Promise<object> {
  const { model: name, dtype = 'float16', promptLen = 512, genLen = 32, repeat = 1, trace = false, fake } = one
  const startMs = performance.now()
  await using backend: Backend = fake ? await createFakeBackend() : await createOnnxRuntimeCudaBackend()
  const openSeconds = (performance.now() - startMs) / 1000
  const model = optFamily.create(optFamily.builtinConfig(name), { name })
  const parts = model.layers.flatMap(({ weights }) => weights.flatMap((weight) => weight.parts))
  const tensors = new Map(parts.map(({ tensor, shape }) => [tensor, { name: tensor, shape }]))
  await using plain = createDummySource({ tensors: tensors.values(), dtype, seed: 1 })
  const weights = one.compressWeight === true ? compressSource(plain, chooseWeightForms(model)) : plain
  const offloadDir = await mkdtemp(path.join(tmpdir(), 'flexgen-bench-'))
  await using ram = createRamTier({
    allocateHost: (bytes) => backend.allocateHost(bytes, 'any'),
    freeHost: (buffer) => backend.free(buffer),
    clock: systemClock,
  })
  await using disk = await createDiskTier({ offloadDir, clock: systemClock })
  const spans = new Map<string, TraceSpan[]>()
  const sink = {
    span: (span: TraceSpan): void => {
      const known = spans.get(span.queue)
      if (known === undefined) spans.set(span.queue, [span])
      else known.push(span)
    },
  }
  const policy = createPolicy(one)
  const count = policy.gpuBatchSize * policy.numGpuBatches
  await using engine = await createEngine({
    model,
    weights,
    backend,
    ram,
    disk,
    policy,
    workload: { sequences: count, maxPromptTokens: promptLen, maxNewTokens: genLen },
    dtype,
    ...(trace ? { trace: sink } : {}),
  })
  const requests = Array.from({ length: count }, (_, i) => ({
    promptIds: Array.from({ length: promptLen }, (_unused, j) => 5 + ((i * 7919 + j * 104729) % 50000)),
  }))
  const runs: object[] = []
  for (let i = 0; i < repeat; i++) {
    spans.clear()
    const beganMs = performance.now()
    const cpu = process.cpuUsage()
    const results = await engine.generateAll(requests, { maxNewTokens: genLen, ignoreEos: true })
    const { user, system } = process.cpuUsage(cpu)
    const report = engine.report()
    const decodeMs = performance.now() - report.decodeSeconds * 1000
    const sweeps = report.sweeps.map((sweep) => Number(sweep.durationSeconds.toFixed(4)))
    runs.push({
      wallSeconds: (performance.now() - beganMs) / 1000,
      cpuSeconds: (user + system) / 1e6,
      prefillSeconds: report.prefillSeconds,
      decodeSeconds: report.decodeSeconds,
      totalTokensPerSecond: report.totalTokensPerSecond,
      decodeTokensPerSecond: report.decodeTokensPerSecond,
      sweeps: sweeps.length > 12 ? [...sweeps.slice(0, 6), '...', ...sweeps.slice(-4)] : sweeps,
      peakDeviceBytes: report.peakDeviceBytes,
      plannedDeviceBytes: report.plan.deviceBytes,
      peakRamBytes: report.peakRamBytes,
      notices: report.notices,
      firstIds: results.slice(0, 2).map(({ ids }) => ids.slice(0, 6)),
      ...(trace && {
        prefillQueues: usageOf(spans, Number.NEGATIVE_INFINITY, decodeMs),
        decodeQueues: usageOf(spans, decodeMs, Number.POSITIVE_INFINITY),
      }),
    })
    process.stderr.write(`${JSON.stringify(runs.at(-1))}\n`)
  }
  await rm(offloadDir, { recursive: true, force: true })
  const { workspaceBytes } = backend.memory()
  return {
    case: one,
    device: backend.device.description,
    openSeconds,
    loadSeconds: engine.report().loadSeconds,
    workspaceBytes,
    runs,
  }
}

for (const text of process.argv.slice(2)) process.stdout.write(`${JSON.stringify(await measure(JSON.parse(text)))}\n`)
