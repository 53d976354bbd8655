import { InternalError } from '@flexgen/spec'
import type { CacheValues } from '../operators/cache-values.ts'
import type { WeightRows } from '../operators/weight-rows.ts'
import { createWeightRows } from './create-weight-rows.ts'

/** Floats, integers, or the bytes of 4-bit groups. */
type Value = Float32Array | Int32Array | Uint8Array

/** Rows of a bound cache, one for each row of the batch. */
export interface ScopeCache {
  readonly rows: readonly CacheValues[]
  readonly maxPositions: number
}

/** Values of one run by name. */
export class RunScope {
  readonly #values = new Map<string, Value>()
  readonly #weights = new Map<string, WeightRows>()
  readonly #shapes: ReadonlyMap<string, readonly number[]>
  readonly #caches: ReadonlyMap<string, ScopeCache>

  constructor(shapes: ReadonlyMap<string, readonly number[]>, caches: ReadonlyMap<string, ScopeCache>) {
    this.#shapes = shapes
    this.#caches = caches
  }

  setWeight(name: string, rows: WeightRows): void {
    this.#weights.set(name, rows)
  }

  set(name: string, value: Value): void {
    this.#values.set(name, value)
  }

  /** A matrix to be read row by row. */
  weight(name: string): WeightRows {
    return this.#weights.get(name) ?? createWeightRows(this.bytes(name), 'float32', this.#shapes.get(name)!)
  }

  floats(name: string): Float32Array {
    const weight = this.#weights.get(name)
    const value = weight === undefined ? this.#values.get(name) : weight.read(0, weight.rowCount)
    if (!(value instanceof Float32Array)) throw new InternalError(`${name} holds no floats`)
    return value
  }

  ints(name: string): Int32Array {
    const value = this.#values.get(name)
    if (!(value instanceof Int32Array)) throw new InternalError(`${name} holds no integers`)
    return value
  }

  bytes(name: string): Uint8Array {
    const value = this.#values.get(name)
    if (value === undefined) throw new InternalError(`${name} has no value`)
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  }

  /** 4-bit groups that no weight holds. */
  groups(name: string): Uint8Array {
    const value = this.#values.get(name)
    if (!(value instanceof Uint8Array)) throw new InternalError(`${name} holds no 4-bit groups`)
    return value
  }

  isWeight(name: string): boolean {
    return this.#weights.has(name)
  }

  /** Size of the last axis of a value. */
  width(name: string): number {
    return this.#shapes.get(name)!.at(-1)!
  }

  cache(name: string): ScopeCache {
    const cache = this.#caches.get(name)
    if (cache === undefined) throw new InternalError(`no cache ${name} is bound`)
    return cache
  }
}
