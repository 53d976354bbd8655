import { type BoundValue as KitBoundValue, RunBinding } from '@flexgen/backend-kit'
import type { MappedBytes } from '@flexgen/backend-kit'
import type { Tensor } from '../sessions/session.ts'
import type { KernelRunState } from './kernel-run-state.ts'
import type { RunPlan } from './plan-run.ts'
import type { StepBinding } from './run-state.ts'

/** A bound value whose span fits, as tensors for the runtime. */
export interface CheckedValue {
  readonly lent: MappedBytes
  readonly tensor: Tensor
  /** A half matrix in blocks of rows. */
  readonly blocks: readonly Tensor[]
}

/** An input or output as it is bound. */
export type BoundValue = KitBoundValue<CheckedValue>

/** What is bound for runs of one kernel, and what the runtime keeps bound for it. */
export class OnnxBinding extends RunBinding<RunPlan, CheckedValue> {
  /** What the runtime keeps bound, made by the first run. */
  steps: readonly StepBinding[] | undefined
  /** State of the last run, which the next one takes again where nothing has changed. */
  state: KernelRunState | undefined
  /** Whether a run works with what the runtime keeps bound. */
  isRunning = false

  /** Gives back what the runtime holds for it; for the end of the kernel. */
  override end(): void {
    for (const step of this.steps ?? []) step.release()
    this.steps = undefined
    this.state = undefined
    super.end()
  }
}
