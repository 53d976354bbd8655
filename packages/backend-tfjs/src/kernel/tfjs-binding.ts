import { type Binding, type CacheRow, type QueueEvent, type Span, UsageError } from '@flexgen/spec'

/** An input or output as it is bound. */
export interface BoundValue {
  readonly span: Span
  readonly shape: readonly number[]
}

/** What is bound for runs of one kernel; checked as a whole when a run is queued. */
export class TfjsBinding implements Binding {
  readonly values: Map<string, BoundValue> = new Map()
  readonly caches: Map<string, readonly CacheRow[]> = new Map()
  #runs = 0
  #released = false

  set(name: string, span: Span, shape: readonly number[]): void {
    this.#assertIdle()
    this.values.set(name, { span, shape: [...shape] })
  }

  setCache(name: string, rows: readonly CacheRow[]): void {
    this.#assertIdle()
    this.caches.set(name, [...rows])
  }

  release(): void {
    this.#assertIdle()
    this.#released = true
    this.values.clear()
    this.caches.clear()
  }

  /** @throws {FlexgenError} `USAGE` after `release` */
  assertUsable(): void {
    if (this.#released) throw new UsageError('the binding was released')
  }

  /** Holds the binding as it is until a run has ended. */
  hold(run: QueueEvent): void {
    this.#runs++
    run.onSettled(() => this.#runs--)
  }

  /** Other backends read bindings while they run: a change would be a race there, so it is an error here. */
  #assertIdle(): void {
    this.assertUsable()
    if (this.#runs > 0) throw new UsageError('the binding is in use by a run that has not ended')
  }
}
