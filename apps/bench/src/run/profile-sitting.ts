import { writeJsonFile } from 'flexgen'
import path from 'node:path'
import type { BenchOptions } from '../bench-options.ts'
import { findSuite } from '../suites/find-suite.ts'
import { runChild } from './run-child.ts'
import type { Side } from './side.ts'

/** Whether limits and predictions are to be those of the machine as it is in this sitting. */
export function measuresMachine({ suite, compare, flags }: BenchOptions): boolean {
  if (flags?.simulate !== undefined || flags?.hardware !== undefined) return false
  return compare !== undefined || (suite !== undefined && findSuite(suite).backend !== undefined)
}

/**
 * The sides with a profile of this sitting. Runs are predicted by it alone: corrected by the runs before, the second
 * repetition would be compared with the first one.
 */
export function predictedBy(hardware: string, sides: readonly Side[]): readonly Side[] {
  return sides.map((side) =>
    side.kind === 'flexgen' ? { ...side, settings: { ...side.settings, hardware, history: false } } : side,
  )
}

/**
 * Measures the machine before anything else runs, and gives the sides a profile of this sitting.
 * @param folder where it is kept as `hardware.json`
 * @throws {FlexgenError} what measuring fails with
 */
export async function profileSitting(
  sides: readonly Side[],
  folder: string,
  signal: AbortSignal | undefined,
): Promise<readonly Side[]> {
  const ours = sides.find((side) => side.kind === 'flexgen')
  if (ours === undefined) return sides
  const { backend, hostBackend, threads, offloadDir } = ours.settings
  // Where none is named, what attends on the host beside a card is found.
  const options = { backends: hostBackend === undefined ? [backend] : [backend, hostBackend], threads, offloadDir }
  const { result } = await runChild({ type: 'profile', options }, { signal })
  const hardware = path.resolve(folder, 'hardware.json')
  await writeJsonFile(hardware, result)
  return predictedBy(hardware, sides)
}
