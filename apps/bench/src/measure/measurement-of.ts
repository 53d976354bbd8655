import type { RunReport } from '@flexgen/core'
import type { Model } from '@flexgen/spec'
import type { RunPrediction } from 'flexgen'
import type { CaseSettings } from '../case/case-settings.ts'
import type { Latency } from '../formulas/throughput.ts'
import type { MemorySampler } from './memory-sampler.ts'
import type { ByKind, DiskPhase, Measurement, Phase, TaskShare } from './measurement.ts'
import type { RunRecorder } from './run-recorder.ts'

/** What a measurement is put together from. */
export interface MeasurementParts {
  readonly settings: CaseSettings
  readonly blockPrompts: number
  readonly model: Model
  /** What was said when the backend was opened. */
  readonly notices: readonly string[]
  readonly report: RunReport
  /** What was expected of the run. */
  readonly prediction: RunPrediction | undefined
  readonly latency: Latency & { readonly projected: boolean }
  /** Whether the host reads the device's memory: then copies cross no link. */
  readonly hostVisible: boolean
  readonly recorder: RunRecorder
  readonly sampler: MemorySampler
}

/** One measurement from the engine's report and what was watched beside it. */
export function measurementOf(parts: MeasurementParts): Measurement {
  const { settings, blockPrompts, model, report, latency, recorder, sampler } = parts
  const { decoderLayers } = model.facts
  const { timeline } = recorder
  const tasks = (['prefill', 'decode'] as const).flatMap((phase) => tasksOf(report, phase))
  return {
    backend: report.backend,
    device: report.device,
    notices: [...new Set([...parts.notices, ...report.notices])],
    sizes: { decoderLayers, hiddenSize: model.hiddenSize, vocabularySize: model.vocabularySize },
    work: {
      prompts: settings.numPrompts,
      promptTokens: settings.promptLen,
      newTokens: settings.genLen,
      blockPrompts,
    },
    loadSeconds: report.loadSeconds,
    ...latency,
    phaseSeconds: recorder.phaseSeconds,
    sweepSeconds: report.sweeps.map(({ durationSeconds }) => durationSeconds),
    peakDeviceBytes: report.peakDeviceBytes,
    peakRamBytes: report.peakRamBytes,
    peakDiskBytes: report.peakDiskBytes,
    plan: {
      ramBytes: { ...report.plan.ram },
      deviceBytes: report.plan.deviceBytes,
      diskBytes: report.plan.diskBytes,
    },
    placement: report.placement,
    ...(parts.prediction !== undefined && { prediction: parts.prediction }),
    disk: (['prefill', 'decode'] as const).map((phase) => diskPhase(report, phase)),
    queues: recorder.queues,
    ...(!parts.hostVisible && { deviceLinks: recorder.deviceLinks }),
    ...(tasks.length > 0 && { tasks }),
    ...(timeline !== undefined && { timeline }),
    memory: [...sampler.samples],
    ...(report.replacement !== undefined && { replacement: report.replacement }),
  }
}

function diskPhase({ sweeps }: RunReport, phase: Phase): DiskPhase {
  const read = { weights: 0, cache: 0, hidden: 0 }
  const written = { weights: 0, cache: 0, hidden: 0 }
  for (const sweep of sweeps) {
    if (sweep.phase !== phase) continue
    add(read, sweep.diskBytesRead)
    add(written, sweep.diskBytesWritten)
  }
  return { phase, read, written }
}

/** Seconds by task over the sweeps of a phase, the longest first; none but in a breakdown. */
function tasksOf({ sweeps }: RunReport, phase: Phase): TaskShare[] {
  const seconds = new Map<string, number>()
  for (const sweep of sweeps) {
    if (sweep.phase !== phase) continue
    for (const [task, value] of Object.entries(sweep.taskSeconds ?? {}))
      seconds.set(task, (seconds.get(task) ?? 0) + value)
  }
  return [...seconds]
    .map(([task, value]) => ({ phase, task, seconds: value }))
    .toSorted((a, b) => b.seconds - a.seconds)
}

function add(sum: { -readonly [Kind in keyof ByKind]: number }, { weights, cache, hidden }: ByKind): void {
  sum.weights += weights
  sum.cache += cache
  sum.hidden += hidden
}
