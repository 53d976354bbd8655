import { type BoundValue, RunBinding } from '@flexgen/backend-kit'
import type { LentDevice } from '../memory/cuda-memory-table.ts'
import type { AddressedTensor, CudaSession, CudaSessionBinding } from '../session/cuda-session.ts'
import type { CudaRunPlan } from './plan-cuda-run.ts'

/** A bound value whose span fits. */
export interface CudaCheckedValue {
  readonly lent: LentDevice
  readonly byteLength: number
  /** Whether kernels can read and write it where it lies. */
  readonly isAligned: boolean
  readonly tensor: AddressedTensor
}

/** An input or output as it is bound. */
export type CudaBoundValue = BoundValue<CudaCheckedValue>

/** What is bound for runs of one kernel, and what sessions keep bound for it. */
export class CudaBinding extends RunBinding<CudaRunPlan, CudaCheckedValue> {
  /** Numbers and shapes in host memory that sessions read: eight 64-bit words for each. */
  readonly words: BigInt64Array = new BigInt64Array(64)
  readonly #sessions = new Map<CudaSession, CudaSessionBinding>()

  /** What a session keeps bound. */
  sessionBinding(session: CudaSession): CudaSessionBinding {
    let binding = this.#sessions.get(session)
    if (binding === undefined) {
      binding = session.createBinding()
      this.#sessions.set(session, binding)
    }
    return binding
  }

  /** Gives back what the runtime holds for it; for the end of the kernel. */
  override end(): void {
    for (const binding of this.#sessions.values()) binding.release()
    this.#sessions.clear()
    super.end()
  }
}
