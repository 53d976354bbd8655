import type { RunReport, Workload } from '@flexgen/core'
import type { Candidate, HardwareProfile, Percent, PredictRequest, RunRecord } from '@flexgen/planner'
import type { Policy } from '@flexgen/spec'
import { defaultHistoryFile } from './cache-files.ts'
import { isKnown, layoutParts, planRequestOf, type RunSubject } from './choose-policy.ts'
import { readJsonFile, writeJsonFile } from './json-file.ts'
import type { LoadedHardware } from './load-hardware.ts'

/** Times and peaks of a run: as they were expected, or as they were. */
export interface RunFigures {
  readonly prefillSeconds: number
  readonly decodeStepSeconds: number
  readonly peakRamBytes: number
  readonly peakDeviceBytes: number
  readonly peakDiskBytes: number
}

/** A run beside what was expected of it. */
export interface RunPrediction {
  /** Name of the hardware profile, and whether it was measured. */
  readonly hardware: string
  readonly isAssumed: boolean
  /** Corrected by the history, where there is one. */
  readonly predicted: RunFigures
  readonly measured: RunFigures
  /** What the busiest link or kernels take alone, by the speeds of the profile: no run of that placement is faster. */
  readonly limit: Pick<RunFigures, 'prefillSeconds' | 'decodeStepSeconds'>
  /** Factors that past runs have put on the times; 1 where there are none. */
  readonly correction: { readonly prefillFactor: number; readonly decodeFactor: number; readonly runs: number }
}

/** How a run is compared with its prediction. */
export interface PredictRunOptions {
  readonly subject: RunSubject
  readonly policy: Policy
  readonly hardware: LoadedHardware
  readonly report: RunReport
  readonly workload: Workload
  /** Whether past runs correct the prediction, and this one is kept for the next. */
  readonly usesHistory: boolean
}

/** What was expected of a run that has ended, beside what it did; keeps both in the history. */
export async function predictRun(options: PredictRunOptions): Promise<RunPrediction | undefined> {
  const { subject, policy, hardware, report, workload, usesHistory } = options
  const { profile, source } = hardware
  const sweeps = { prefill: phaseOf(report, 'prefill'), decode: phaseOf(report, 'decode') }
  // The model knows neither logits of all positions nor a device that no profile is made of yet.
  if (!isKnown(subject) || subject.workload?.logits === 'all' || sweeps.prefill.count === 0) return undefined
  const { correctionOf, correctPrediction, predictPolicy } = await import('@flexgen/planner')
  const request = await planRequestOf({ ...subject, workload }, profile)
  const blocks = sweeps.prefill.count
  const asked: PredictRequest = {
    ...request,
    policy: { ...policy, percent: percentOf(policy) },
    overlap: policy.overlap,
    compressWeight: policy.compressWeight,
    compressCache: policy.compressCache,
    // Ring and totals follow the budget that the engine had, if it had one.
    capacity: { ram: subject.budgets.maxRamBytes, device: subject.budgets.maxDeviceBytes },
    // Times are of a block; the last of a job may be smaller.
    numPrompts: Math.max(1, Math.round(workload.sequences / blocks)),
    layout: { ...request.layout, ...layoutParts(policy) },
  }
  const candidate = await predictPolicy(asked)
  // Alone a link is faster than beside another.
  const { shared: _, ...alone } = asked.hardware
  const isShared = policy.hostAttentionPercent > 0 && !subject.backend.device.hostVisible
  // Peaks are those of the largest block.
  const block = Math.min(workload.sequences, policy.gpuBatchSize * policy.numGpuBatches)
  const largest = block === asked.numPrompts ? candidate : await predictPolicy({ ...asked, numPrompts: block })
  const { predicted: fastest } = isShared ? await predictPolicy({ ...asked, hardware: alone }) : candidate
  const key = { hardware: hardwareKey(profile), backend: report.backend, model: report.model }
  const file = defaultHistoryFile()
  const runs = usesHistory ? await readHistory(file) : []
  const correction = correctionOf(runs, key, candidate.predicted)
  const corrected = correctPrediction(candidate.predicted, correction)
  const measured: RunFigures = {
    prefillSeconds: sweeps.prefill.seconds / blocks,
    decodeStepSeconds: sweeps.decode.count === 0 ? 0 : sweeps.decode.seconds / sweeps.decode.count,
    peakRamBytes: report.peakRamBytes,
    peakDeviceBytes: report.peakDeviceBytes,
    peakDiskBytes: report.peakDiskBytes,
  }
  // The times of a placement that changed are those of no policy.
  if (usesHistory && report.replacement === undefined)
    await keep(file, runs, recordOf(options, key, { ...largest, predicted: candidate.predicted }, measured))
  return {
    hardware: profile.name,
    isAssumed: source === 'assumed',
    predicted: figuresOf({ ...largest, predicted: corrected }, measured, report),
    measured,
    limit: {
      prefillSeconds: longestOf(fastest.prefill),
      decodeStepSeconds: longestOf(fastest.decodeStep),
    },
    correction: {
      prefillFactor: correction.prefillFactor,
      decodeFactor: correction.decodeFactor,
      runs: Math.max(correction.prefillRuns, correction.decodeRuns),
    },
  }
}

function figuresOf(
  { predicted, bytes, runBytes }: Candidate,
  { decodeStepSeconds }: RunFigures,
  { replacement }: RunReport,
): RunFigures {
  const device = runBytes?.device ?? bytes.device.total
  return {
    prefillSeconds: predicted.prefill.seconds,
    decodeStepSeconds: decodeStepSeconds === 0 ? 0 : predicted.decodeStep.seconds,
    // Where placement follows the run, what it plans to hold changes with it.
    peakRamBytes: replacement?.plannedPeak.ram ?? runBytes?.ram ?? bytes.ram.total,
    peakDeviceBytes: Math.max(device, replacement?.plannedPeak.device ?? 0),
    peakDiskBytes: runBytes?.disk ?? bytes.disk.total,
  }
}

function longestOf({ secondsByResource }: Candidate['predicted']['prefill']): number {
  return Math.max(...Object.values(secondsByResource))
}

function phaseOf({ sweeps }: RunReport, phase: 'prefill' | 'decode'): { count: number; seconds: number } {
  const own = sweeps.filter((sweep) => sweep.phase === phase)
  return { count: own.length, seconds: own.reduce((sum, sweep) => sum + sweep.durationSeconds, 0) }
}

function percentOf({ weights, cache, activations }: Policy): Percent {
  return [weights.device, weights.ram, cache.device, cache.ram, activations.device, activations.ram]
}

/** What a profile is known by in the history: its name, and when it was measured. */
export function hardwareKey({ name, measuredAt }: HardwareProfile): string {
  return measuredAt === undefined ? name : `${name} ${measuredAt}`
}

function recordOf(
  { policy, workload }: PredictRunOptions,
  key: { readonly hardware: string; readonly backend: string; readonly model: string },
  candidate: Candidate,
  measured: RunFigures,
): RunRecord {
  const { predicted, bytes, runBytes } = candidate
  return {
    at: new Date().toISOString(),
    ...key,
    gpuBatchSize: policy.gpuBatchSize,
    numGpuBatches: policy.numGpuBatches,
    percent: percentOf(policy),
    promptTokens: workload.maxPromptTokens,
    newTokens: Math.max(1, workload.maxNewTokens),
    prefillBoundBy: predicted.prefill.bindingResource,
    decodeBoundBy: predicted.decodeStep.bindingResource,
    predicted: {
      prefillSeconds: predicted.prefill.seconds,
      decodeStepSeconds: measured.decodeStepSeconds === 0 ? 0 : predicted.decodeStep.seconds,
      ramBytes: runBytes?.ram ?? bytes.ram.total,
    },
    measured: {
      prefillSeconds: measured.prefillSeconds,
      decodeStepSeconds: measured.decodeStepSeconds,
      ramBytes: measured.peakRamBytes,
    },
  }
}

/**
 * What is known of past runs on this machine.
 * @throws {FlexgenError} `CORRUPT_DATA` or `UNSUPPORTED_DATA` for a bad file
 */
export async function readHistory(file: string = defaultHistoryFile()): Promise<readonly RunRecord[]> {
  const value = await readJsonFile(file)
  if (value === undefined) return []
  const { parseHistory } = await import('@flexgen/planner')
  return parseHistory(value, file).runs
}

/** A history that cannot be written is no reason for a run that went well to fail. */
async function keep(file: string, runs: readonly RunRecord[], run: RunRecord): Promise<void> {
  const { addRun } = await import('@flexgen/planner')
  await writeJsonFile(file, addRun({ schemaVersion: 1, runs }, run)).catch(() => undefined)
}
