import { type Binding, type CacheRow, type QueueEvent, type Span, UsageError } from '@flexgen/spec'
import type { BoundValue } from './graph-values.ts'

/** What runs of one kernel read and write, by the order of the kernel's values. */
export class SimulatedBinding implements Binding {
  readonly spans: (Span | undefined)[]
  readonly shapes: (readonly number[])[]
  readonly cacheRows: Map<string, readonly CacheRow[]> = new Map()
  readonly #places: ReadonlyMap<string, number>
  readonly #cacheNames: ReadonlySet<string>
  #lastUse: QueueEvent | undefined
  #isReleased = false

  constructor(values: readonly BoundValue[], places: ReadonlyMap<string, number>, cacheNames: ReadonlySet<string>) {
    this.spans = values.map(() => undefined)
    this.shapes = values.map(() => [])
    this.#places = places
    this.#cacheNames = cacheNames
  }

  set(name: string, span: Span, shape: readonly number[]): void {
    this.#assertFree()
    const place = this.#places.get(name)
    if (place === undefined) throw new UsageError(`the kernel has no input or output ${name}`)
    this.spans[place] = span
    this.shapes[place] = shape
  }

  setCache(name: string, rows: readonly CacheRow[]): void {
    this.#assertFree()
    if (!this.#cacheNames.has(name)) throw new UsageError(`the kernel has no cache ${name}`)
    this.cacheRows.set(name, rows)
  }

  release(): void {
    this.#assertFree()
    this.#isReleased = true
    this.spans.fill(undefined)
    this.cacheRows.clear()
  }

  /** A run uses it until the event has ended. */
  hold(event: QueueEvent): void {
    this.#lastUse = event
  }

  /** @throws {UsageError} once it is released */
  assertUsable(): void {
    if (this.#isReleased) throw new UsageError('the binding was released')
  }

  #assertFree(): void {
    this.assertUsable()
    if (this.#lastUse !== undefined && !this.#lastUse.isDone()) {
      throw new UsageError('the binding is in use: a run with it has not ended')
    }
  }
}
