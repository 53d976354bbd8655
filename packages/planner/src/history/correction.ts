import type { PhasePrediction, Prediction } from '../result/prediction.ts'
import type { RunRecord } from './run-record.ts'

/** What past runs say of a prediction: factors on its times, and how many runs they come from. */
export interface Correction {
  readonly prefillFactor: number
  readonly decodeFactor: number
  readonly prefillRuns: number
  readonly decodeRuns: number
}

/** What a prediction is compared by. */
export interface CorrectionKey {
  readonly hardware: string
  readonly backend: string
  readonly model: string
}

/** Runs that a factor needs, and how far it may go: beyond that something else has changed. */
const leastRuns = 2
const mostFactor = 2
/** Latest runs that count. */
const countedRuns = 20

/**
 * How past runs on the same machine and backend went against what was predicted: for each phase the median ratio of those
 * that waited for the same thing, of the same model where there are enough.
 */
export function correctionOf(
  runs: readonly RunRecord[],
  { hardware, backend, model }: CorrectionKey,
  { prefill, decodeStep }: Prediction,
): Correction {
  const own = runs.filter((run) => run.hardware === hardware && run.backend === backend)
  const factor = (
    boundBy: 'prefillBoundBy' | 'decodeBoundBy',
    phase: PhasePrediction,
    field: 'prefillSeconds' | 'decodeStepSeconds',
  ): { factor: number; count: number } => {
    const alike = own.filter((run) => run[boundBy] === phase.bindingResource && run.predicted[field] > 0)
    const same = alike.filter((run) => run.model === model)
    const ratios = (same.length >= leastRuns ? same : alike)
      .slice(-countedRuns)
      .map((run) => run.measured[field] / run.predicted[field])
      .filter((ratio) => ratio > 0)
      .toSorted((a, b) => a - b)
    if (ratios.length < leastRuns) return { factor: 1, count: 0 }
    const median = Math.sqrt(ratios[Math.floor((ratios.length - 1) / 2)]! * ratios[Math.floor(ratios.length / 2)]!)
    return { factor: Math.min(mostFactor, Math.max(1 / mostFactor, median)), count: ratios.length }
  }
  const first = factor('prefillBoundBy', prefill, 'prefillSeconds')
  const later = factor('decodeBoundBy', decodeStep, 'decodeStepSeconds')
  return {
    prefillFactor: first.factor,
    decodeFactor: later.factor,
    prefillRuns: first.count,
    decodeRuns: later.count,
  }
}

/** A prediction with its times corrected. */
export function correctPrediction(prediction: Prediction, { prefillFactor, decodeFactor }: Correction): Prediction {
  const { prefill, decodeStep } = prediction
  const prefillSeconds = prediction.prefillSeconds * prefillFactor
  const decodeSeconds = prediction.decodeSeconds * decodeFactor
  const totalSeconds = prefillSeconds + decodeSeconds
  return {
    prefill: { ...prefill, seconds: prefill.seconds * prefillFactor },
    decodeStep: { ...decodeStep, seconds: decodeStep.seconds * decodeFactor },
    prefillSeconds,
    decodeSeconds,
    totalSeconds,
    prefillTokensPerSecond: prediction.prefillTokensPerSecond / prefillFactor,
    decodeTokensPerSecond: prediction.decodeTokensPerSecond / decodeFactor,
    totalTokensPerSecond: (prediction.totalTokensPerSecond * prediction.totalSeconds) / totalSeconds,
  }
}
