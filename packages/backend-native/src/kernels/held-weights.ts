import { type HostBuffer, type Span, tensorBytes, UsageError } from '@flexgen/spec'
import type { GraphInfo } from '../graphs/graph-info.ts'
import type { MappedBytes, MappedMemory } from '@flexgen/backend-kit'
import type { KernelContext } from './kernel-context.ts'

const alignment = 64

/** Weights that a prepared kernel holds: as they are, which is their fastest form here, aligned to cache lines. */
export interface WeightMemory {
  readonly mapping: MappedMemory
  readonly weights: ReadonlyMap<string, Uint8Array>
}

function weightBytes({ values }: GraphInfo, name: string): number {
  const { dtype, declared } = values.get(name)!
  return tensorBytes(dtype, declared as readonly number[])
}

/** Bytes that weights of a graph take. */
export function heldWeightBytes(info: GraphInfo, names: Iterable<string>): number {
  let total = 0
  for (const name of names) total += Math.ceil(weightBytes(info, name) / alignment) * alignment
  return total
}

/**
 * Checks the spans of weights and keeps their memory until it is released.
 * @throws {FlexgenError} `USAGE`
 */
export function lendWeights(
  info: GraphInfo,
  weights: ReadonlyMap<string, Span<HostBuffer>>,
  { memory }: KernelContext,
): Map<string, MappedBytes> {
  const lent = new Map<string, MappedBytes>()
  for (const [name, span] of weights) {
    const byteLength = weightBytes(info, name)
    const what = `${info.graph.name}: ${name}`
    if (span.byteLength < byteLength)
      throw new UsageError(`${what} needs ${byteLength} bytes, but its span has ${span.byteLength}`)
    lent.set(name, memory.lend({ ...span, byteLength }, what))
  }
  for (const { owner } of lent.values()) owner?.retain()
  return lent
}

/**
 * Copies weights into memory of their own.
 * @throws {FlexgenError} `OUT_OF_MEMORY`
 */
export async function copyWeights(
  info: GraphInfo,
  lent: ReadonlyMap<string, MappedBytes>,
  { pages, copy }: KernelContext,
): Promise<WeightMemory> {
  const mapping = pages.map(heldWeightBytes(info, lent.keys()))
  const weights = new Map<string, Uint8Array>()
  try {
    const copies: Promise<void>[] = []
    let at = 0
    for (const [name, { bytes }] of lent) {
      const target = new Uint8Array(mapping.buffer, at, bytes.byteLength)
      weights.set(name, target)
      copies.push(copy(target, bytes))
      at += Math.ceil(bytes.byteLength / alignment) * alignment
    }
    await Promise.all(copies)
    return { mapping, weights }
  } catch (error) {
    mapping.unmap()
    throw error
  }
}
