import assert from 'node:assert/strict'
import { type Backend, cachePageBytes, type CacheRow, type DType, type LayerGraph, spanOf } from '@flexgen/spec'
import { createHostBuffer } from '../kit/host-buffer.ts'
import { randomFloats } from '../kit/random.ts'
import { floatsOf, floatTensor, intTensor } from '../kit/tensor-data.ts'
import { activation, graphOf, systemInputs } from './graph-of.ts'
import { runKernel } from './run-graph.ts'

/** Some sequences whose tokens arrive in steps. */
export interface AttentionScenario {
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly sparsity: number
  readonly maxPositions: number
  /** `steps[step][sequence]`: how many tokens arrive. */
  readonly steps: readonly (readonly number[])[]
  readonly seed: number
}

/** Output of the valid tokens by step and sequence, each `[tokens, heads * head dim]`. */
export type AttentionOutputs = readonly (readonly Float32Array[])[]

/** The attention graph of a scenario. */
export function attentionGraph({
  heads,
  kvHeads,
  headDim,
  sparsity,
}: Omit<AttentionScenario, 'steps' | 'seed'>): LayerGraph {
  const query = ['batch', 'seq', heads * headDim] as const
  const key = ['batch', 'seq', kvHeads * headDim] as const
  return graphOf(
    [activation('q', query), activation('k', key), activation('v', key), ...systemInputs],
    [
      {
        operator: 'Attention',
        inputs: ['q', 'k', 'v'],
        outputs: ['y'],
        attributes: { cache: 'kv', heads, kvHeads, headDim, scale: headDim ** -0.5, sparsity },
      },
    ],
    [activation('y', query)],
    [{ name: 'kv', kvHeads, headDim }],
  )
}

/** Keys or values, `[tokens, kv heads * head dim]`, that a sequence of the scenario has in the end. */
export function scenarioKeys(scenario: AttentionScenario, sequence: number, kind: 'k' | 'v'): Float32Array {
  return tokensOf(scenario, sequence, kind === 'k' ? 1 : 2)
}

function tokensOf(scenario: AttentionScenario, sequence: number, kind: 0 | 1 | 2): Float32Array {
  const tokens = scenario.steps.reduce((sum, step) => sum + step[sequence]!, 0)
  const heads = kind === 0 ? scenario.heads : scenario.kvHeads
  // Scaled up, so that softmax weights differ and an error in them shows.
  return randomFloats(scenario.seed * 97 + sequence * 3 + kind, tokens * heads * scenario.headDim).map((x) => 2 * x)
}

/** Cache rows of a backend for a scenario, all in one cache. */
export function allocateRows(backend: Backend, scenario: AttentionScenario, dtype: DType = 'float32'): CacheRow[] {
  const { kvHeads, headDim, maxPositions } = scenario
  const rowCount = scenario.steps[0]!.length
  const cache = backend.allocateCache({ kvHeads, headDim, maxPositions, dtype }, rowCount)
  return Array.from({ length: rowCount }, (_, row) => ({ cache, row }))
}

/**
 * Runs all steps of a scenario on rows of a backend's caches.
 *
 * @param options.together whether the sequences of a step run as one batch with right padding (default), or one by one
 * @param options.moveRows whether the rows move to another cache through host pages after every step. Default false
 */
export async function runScenario(
  backend: Backend,
  scenario: AttentionScenario,
  rows: readonly CacheRow[],
  options: { readonly together?: boolean; readonly moveRows?: boolean } = {},
): Promise<AttentionOutputs> {
  const sequences = [...rows.keys()]
  const groups = (options.together ?? true) ? [sequences] : sequences.map((sequence) => [sequence])
  const widths = [scenario.heads, scenario.kvHeads, scenario.kvHeads].map((heads) => heads * scenario.headDim)
  const content = sequences.map((sequence) => ([0, 1, 2] as const).map((kind) => tokensOf(scenario, sequence, kind)))
  const seen = sequences.map(() => 0)
  const outputs: Float32Array[][] = []
  let current = rows
  await using kernel = await backend.compile(attentionGraph(scenario))
  for (const step of scenario.steps) {
    const results: Float32Array[] = []
    for (const group of groups) {
      const seq = Math.max(...group.map((sequence) => step[sequence]!))
      const packed = widths.map((width, kind) => {
        // Padding holds numbers that would show where they counted.
        const values = new Float32Array(group.length * seq * width).fill(3)
        for (const [row, sequence] of group.entries()) {
          const from = seen[sequence]! * width
          values.set(content[sequence]![kind]!.subarray(from, from + step[sequence]! * width), row * seq * width)
        }
        return floatTensor([group.length, seq, width], values)
      })
      const positions = group.flatMap((sequence) => Array.from({ length: seq }, (_, i) => seen[sequence]! + i))
      const lengths = group.map((sequence) => seen[sequence]! + step[sequence]!)
      const { y } = await runKernel(
        backend,
        kernel,
        {
          q: packed[0]!,
          k: packed[1]!,
          v: packed[2]!,
          positions: intTensor([group.length, seq], positions),
          lengths: intTensor([group.length], lengths),
        },
        { caches: { kv: group.map((sequence) => current[sequence]!) } },
      )
      const values = floatsOf(y!)
      assert.ok(values.every(Number.isFinite), 'padding gives finite values, too')
      for (const [row, sequence] of group.entries()) {
        const from = row * seq * widths[0]!
        results.push(values.slice(from, from + step[sequence]! * widths[0]!))
      }
    }
    for (const sequence of sequences) seen[sequence]! += step[sequence]!
    if (options.moveRows === true) current = await moveRows(backend, scenario, current, seen)
    outputs.push(results)
  }
  return outputs
}

/** Copies the first `counts[sequence]` positions of every row through host pages to rows of a new cache, in another order. */
async function moveRows(
  backend: Backend,
  scenario: AttentionScenario,
  rows: readonly CacheRow[],
  counts: readonly number[],
): Promise<CacheRow[]> {
  const pagePositions = 4
  const targets = allocateRows(backend, scenario).toReversed()
  const queue = backend.createQueue('move rows')
  for (const [sequence, source] of rows.entries()) {
    for (let position = 0; position < counts[sequence]!; position += pagePositions) {
      const count = Math.min(pagePositions, counts[sequence]! - position)
      const span = spanOf(createHostBuffer(cachePageBytes(source.cache.spec, pagePositions)))
      const page = { page: { span, positions: pagePositions }, position: 0 }
      queue.copyFromCache(page, { ...source, position, count })
      queue.copyToCache({ ...targets[sequence]!, position, count }, page)
    }
  }
  await queue.idle()
  backend.free(rows[0]!.cache)
  return targets
}

/** Reads positions `[0, count)` of a float32 cache row as `[K or V, kv head, count, head dim]`. */
export async function readCacheRow(backend: Backend, row: CacheRow, count: number): Promise<Float32Array> {
  const { kvHeads, headDim } = row.cache.spec
  const page = createHostBuffer(2 * kvHeads * count * headDim * 4)
  const target = { page: { span: spanOf(page), positions: count }, position: 0 }
  await backend
    .createQueue('read cache')
    .copyFromCache(target, { ...row, position: 0, count })
    .whenDone()
  return new Float32Array(page.bytes.buffer)
}
