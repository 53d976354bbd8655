import type { DiskWay, LinkName } from './hardware.ts'

/** What may become slower or faster while a run goes on: the links, and what is computed on the device and the host. */
export type ScenarioSpeed = LinkName | 'deviceCompute' | 'hostCompute'

/** Budgets that may change while a run goes on. */
export type ScenarioBudget = 'device' | 'ram' | 'disk'

/** When something changes: in seconds of the virtual clock from the start of the scenario, or after so many sweeps. */
export type ScenarioMoment =
  | { readonly atSeconds: number; readonly atSweep?: never }
  | { readonly atSweep: number; readonly atSeconds?: never }

/** A change of a speed, or of a budget. */
export type ScenarioChange = ScenarioMoment &
  (
    | {
        readonly speed: ScenarioSpeed
        /** Against the profile: 0.5 is half as fast. */
        readonly factor: number
      }
    | { readonly budget: ScenarioBudget; readonly bytes: number }
  )

/** How many new tokens sequences have: a list that is gone through again and again, or drawn evenly from a range. */
export type ScenarioLengths =
  | readonly number[]
  | { readonly least: number; readonly most: number; readonly seed?: number }

/** What happens on a simulated machine beside what its profile says; everything may be left out. */
export interface Scenario {
  readonly schemaVersion: 1
  readonly description?: string
  /** Every operation takes up to this share longer or shorter, drawn evenly; the same seed gives the same times. */
  readonly noise?: { readonly spread: number; readonly seed?: number }
  readonly changes?: readonly ScenarioChange[]
  /** Where sequences end, whatever is asked for. */
  readonly lengths?: ScenarioLengths
  /** Seed of the ids that greedy decoding finds. Default 0. */
  readonly tokenSeed?: number
  /** Past the page cache, through it (the default), or with all that is read in it already. */
  readonly diskWay?: DiskWay
}
