/** Times of the two phases: of a whole prefill, and of a decode step on the average. */
export interface PhaseTimes {
  readonly prefillSeconds: number
  readonly decodeStepSeconds: number
}

/** A run that was predicted and then measured, as the history keeps it. */
export interface RunRecord {
  readonly at: string
  /** Name of the hardware profile and when it was measured: other profiles mispredict otherwise. */
  readonly hardware: string
  readonly backend: string
  readonly model: string
  readonly gpuBatchSize: number
  readonly numGpuBatches: number
  readonly percent: readonly number[]
  readonly promptTokens: number
  readonly newTokens: number
  /** What each phase was expected to wait for. */
  readonly prefillBoundBy: string
  readonly decodeBoundBy: string
  /** Before any correction. */
  readonly predicted: PhaseTimes & { readonly ramBytes: number }
  readonly measured: PhaseTimes & { readonly ramBytes: number }
}

/** The file of past runs on this machine. */
export interface HistoryFile {
  readonly schemaVersion: 1
  readonly runs: readonly RunRecord[]
}

/** Runs that are kept: the latest. */
const mostRuns = 300

/** The history with one more run. */
export function addRun({ runs }: HistoryFile, run: RunRecord): HistoryFile {
  return { schemaVersion: 1, runs: [...runs, run].slice(-mostRuns) }
}

/** A history of nothing. */
export const emptyHistory: HistoryFile = { schemaVersion: 1, runs: [] }
