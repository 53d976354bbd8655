import type { EngineBudget } from '@flexgen/core'
import type { Backend, Clock } from '@flexgen/spec'
import type { CreateEngineOptions, OpenedModel, TextGenerationOptions } from 'flexgen'

/** What a case runs on: this machine, or a simulated one. */
export interface CaseMachine extends AsyncDisposable {
  readonly model: OpenedModel
  readonly backend: Backend
  readonly clock: Clock
  /** What was said when the backend was opened. */
  readonly notices: readonly string[]
  /** What the engine is made with. */
  readonly engine: Pick<CreateEngineOptions, 'machine' | 'maxRam' | 'maxDeviceMemory' | 'maxDisk'> & {
    readonly hostBackend: Backend | undefined
  }
  /** Where sequences end before their time. */
  readonly stopRule?: TextGenerationOptions['stopRule']
  /** Tells of every change of what the machine has, in bytes. */
  readonly onBudget?: (listener: (budget: EngineBudget) => void) => void
  /** Told how many sweeps of the measured generation have ended. */
  readonly endSweep?: (sweeps: number) => void
  /** Told that the measured generation begins. */
  readonly begin?: () => void
}
