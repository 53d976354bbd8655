import { settingsOf } from '../../src/case/case-settings.ts'
import { measureCase } from '../../src/measure/measure-case.ts'
import type { Measurement } from '../../src/measure/measurement.ts'
import { casesOfSuite } from '../../src/suites/find-suite.ts'

/** A row of the suite: its title, what was expected, and what the simulation made of it. */
export type SimulatedRow = NonNullable<Measurement['prediction']> & { readonly title: string }

/** Rows of the suite `cuda` on the simulated machine that it is for, in this process. */
export async function simulateCuda(only: string, cutGenLen: number | undefined): Promise<SimulatedRow[]> {
  const changes = { simulate: 'h100-pcie5', ...(cutGenLen !== undefined && { cutGenLen }) }
  const rows: SimulatedRow[] = []
  for (const { title, flags } of casesOfSuite('cuda', changes, only)) {
    const { prediction } = await measureCase(settingsOf(flags, 0))
    rows.push({ title, ...prediction! })
  }
  return rows
}
