import { type Binding, type CacheRow, type QueueEvent, type Span, UsageError } from '@flexgen/spec'
import type { LentDevice } from '../memory/cuda-memory-table.ts'
import type { AddressedTensor, CudaSession, CudaSessionBinding } from '../session/cuda-session.ts'
import type { CudaRunPlan } from './plan-cuda-run.ts'

/** An input or output as it is bound; what a check has found out stays with it until another is bound. */
export interface CudaBoundValue {
  readonly span: Span
  readonly shape: readonly number[]
  checked: CudaCheckedValue | undefined
}

/** A bound value whose span fits. */
export interface CudaCheckedValue {
  readonly lent: LentDevice
  readonly byteLength: number
  readonly tensor: AddressedTensor
}

/** What is bound for runs of one kernel; checked as a whole when a run is queued. */
export class CudaBinding implements Binding {
  readonly values: Map<string, CudaBoundValue> = new Map()
  readonly caches: Map<string, readonly CacheRow[]> = new Map()
  /** What the last check has found; undefined after every change. */
  plan: CudaRunPlan | undefined
  /** Numbers and shapes in host memory that sessions read: eight 64-bit words for each. */
  readonly words: BigInt64Array = new BigInt64Array(64)
  readonly #sessions = new Map<CudaSession, CudaSessionBinding>()
  readonly #onRelease: () => void
  #runs = 0
  #isReleased = false

  /** @param onRelease called once, when the binding is released */
  constructor(onRelease: () => void) {
    this.#onRelease = onRelease
  }

  set(name: string, span: Span, shape: readonly number[]): void {
    this.#assertIdle()
    const bound = this.values.get(name)
    if (bound !== undefined && isSame(bound, span, shape)) return
    this.values.set(name, { span, shape: [...shape], checked: undefined })
    this.plan = undefined
  }

  setCache(name: string, rows: readonly CacheRow[]): void {
    this.#assertIdle()
    this.caches.set(name, [...rows])
    this.plan = undefined
  }

  release(): void {
    this.#assertIdle()
    this.end()
    this.#onRelease()
  }

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
  end(): void {
    this.#isReleased = true
    for (const binding of this.#sessions.values()) binding.release()
    this.#sessions.clear()
    this.plan = undefined
    this.values.clear()
    this.caches.clear()
  }

  /** @throws {FlexgenError} `USAGE` after `release` */
  assertUsable(): void {
    if (this.#isReleased) throw new UsageError('the binding was released')
  }

  /** Holds the binding as it is until a run has ended. */
  hold(run: QueueEvent): void {
    this.#runs++
    run.onSettled(() => this.#runs--)
  }

  #assertIdle(): void {
    this.assertUsable()
    if (this.#runs > 0) throw new UsageError('the binding is in use by a run that has not ended')
  }
}

function isSame(bound: CudaBoundValue, { buffer, byteOffset, byteLength }: Span, shape: readonly number[]): boolean {
  const { span } = bound
  return (
    span.buffer === buffer &&
    span.byteOffset === byteOffset &&
    span.byteLength === byteLength &&
    bound.shape.length === shape.length &&
    bound.shape.every((size, axis) => size === shape[axis])
  )
}
