import type { Scenario, ScenarioBudget, ScenarioChange } from '../scenario/scenario.ts'
import type { VirtualTime } from '../time/virtual-time.ts'
import { type MachineResources, speedNames } from './machine-resources.ts'

/** The changes of a scenario as the clock runs. */
export interface Timeline {
  /** What the machine has now, in bytes. */
  readonly budgets: Readonly<Record<ScenarioBudget, number>>
  /** Everything as in the profile, and the changes from now on. */
  restart(): void
  onChange(listener: (change: ScenarioChange) => void): void
  /** Tells that so many sweeps have ended since the restart. */
  endSweep(sweeps: number): void
}

/**
 * Carries out the changes of a scenario, counted from now until a restart.
 * @param capacity budgets of the profile
 * @param setBudget carries out a change of a budget
 */
export function createTimeline(
  time: VirtualTime,
  resources: MachineResources,
  { changes = [] }: Scenario,
  capacity: Readonly<Record<ScenarioBudget, number>>,
  setBudget: (budget: ScenarioBudget, bytes: number) => void,
): Timeline {
  const budgets = { ...capacity }
  const listeners: ((change: ScenarioChange) => void)[] = []
  const hold = (budget: ScenarioBudget, bytes: number): void => {
    budgets[budget] = bytes
    setBudget(budget, bytes)
  }
  const apply = (change: ScenarioChange): void => {
    if ('speed' in change) resources[change.speed].setFactor(change.factor)
    else hold(change.budget, change.bytes)
    for (const listener of listeners) listener(change)
  }
  const endSweep = (sweeps: number): void => {
    for (const change of changes) if (change.atSweep === sweeps) apply(change)
  }
  let alarms: (() => void)[] = []
  const start = (): void => {
    for (const cancel of alarms) cancel()
    const nowMs = time.now()
    alarms = changes.flatMap((change) =>
      change.atSeconds === undefined ? [] : [time.at(nowMs + 1000 * change.atSeconds, () => apply(change))],
    )
    endSweep(0)
  }
  start()
  return {
    budgets,
    restart() {
      for (const name of speedNames) resources[name].setFactor(1)
      for (const budget of ['device', 'ram', 'disk'] as const) hold(budget, capacity[budget])
      start()
    },
    onChange: (listener) => void listeners.push(listener),
    endSweep,
  }
}
