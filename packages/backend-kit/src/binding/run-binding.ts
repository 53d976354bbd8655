import { type Binding, type CacheRow, type QueueEvent, type Span, UsageError } from '@flexgen/spec'

/** An input or output as it is bound; what a check has found out stays with it until another is bound. */
export interface BoundValue<Checked = unknown> {
  readonly span: Span
  readonly shape: readonly number[]
  checked: Checked | undefined
}

/** What is bound for runs of one kernel; checked as a whole when a run is queued. */
export class RunBinding<Plan = unknown, Checked = unknown> implements Binding {
  readonly values: Map<string, BoundValue<Checked>> = new Map()
  readonly caches: Map<string, readonly CacheRow[]> = new Map()
  /** What the last check has found; undefined after every change. */
  plan: Plan | undefined
  readonly #onRelease: () => void
  #runs = 0
  #isReleased = false

  /** @param onRelease called once, when the binding is released */
  constructor(onRelease: () => void = () => {}) {
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
    const bound = this.caches.get(name)
    if (bound?.length === rows.length && bound.every((row, i) => isSameRow(row, rows[i]!))) return
    this.caches.set(name, [...rows])
    this.plan = undefined
  }

  release(): void {
    this.#assertIdle()
    this.end()
    this.#onRelease()
  }

  /** Gives back what it holds; for the end of the kernel. */
  end(): void {
    this.#isReleased = true
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

  /** A run may read the binding while it works: a change would be a race, so it is an error on every backend. */
  #assertIdle(): void {
    this.assertUsable()
    if (this.#runs > 0) throw new UsageError('the binding is in use by a run that has not ended')
  }
}

function isSameRow(a: CacheRow, b: CacheRow): boolean {
  return a.cache === b.cache && a.row === b.row
}

function isSame(bound: BoundValue, { buffer, byteOffset, byteLength }: Span, shape: readonly number[]): boolean {
  const { span } = bound
  return (
    span.buffer === buffer &&
    span.byteOffset === byteOffset &&
    span.byteLength === byteLength &&
    bound.shape.length === shape.length &&
    bound.shape.every((size, axis) => size === shape[axis])
  )
}
