import type { BenchOutput } from '../bench-options.ts'
import { formatBytes, formatNumber, formatSeconds } from '../format/format-amount.ts'
import type { PlannedRun } from './measure-sides.ts'
import type { Outcome } from './outcome.ts'
import type { Side } from './side.ts'

/** Tells people how a benchmark goes. */
export interface RunDiary {
  begin(run: PlannedRun): void
  end(run: PlannedRun, outcome: Outcome): void
}

/** Writes a line for every run that has ended, with the time that the rest will take. */
export function createRunDiary(
  sides: readonly Side[],
  plan: readonly PlannedRun[],
  output: BenchOutput,
  now: () => number = () => performance.now(),
): RunDiary {
  const secondsOf = new Map<number, number>()
  let open = [...plan]
  let count = 0
  let startMs = 0
  const leftSeconds = (): number => {
    const known = [...secondsOf.values()]
    const mean = known.reduce((sum, value) => sum + value, 0) / known.length
    return open.reduce((sum, { side }) => sum + (secondsOf.get(side) ?? mean), 0)
  }
  return {
    begin: () => void (startMs = now()),
    end: ({ side, repetition }, outcome) => {
      secondsOf.set(side, (now() - startMs) / 1000)
      count++
      const at = open.findIndex((run) => run.side === side && run.repetition === repetition)
      open = open.filter((run, i) => i !== at && (outcome.ok || run.side !== side))
      const which = repetition === undefined ? 'warm-up' : `repetition ${repetition + 1}`
      const left = open.length === 0 ? '' : `; about ${formatSeconds(leftSeconds())} left`
      output.clearProgress?.()
      output.log(`[${count}/${count + open.length}] ${sides[side]!.title}, ${which}: ${describe(outcome)}${left}`)
    },
  }
}

function describe(outcome: Outcome): string {
  if (!outcome.ok) return `failed: ${outcome.failure.code}: ${outcome.failure.message}`
  const { prefillSeconds, decodeSeconds, decodeTokensPerSecond, processMemory } = outcome.repetition
  const memory = processMemory === undefined ? '' : `, peak RSS ${formatBytes(processMemory.peakRssBytes)}`
  return `prefill ${formatSeconds(prefillSeconds)}, decode ${formatSeconds(decodeSeconds)} (${formatNumber(decodeTokensPerSecond)} tok/s)${memory}`
}
