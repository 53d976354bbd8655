import assert from 'node:assert/strict'
import { type Backend, cachePageBytes, type CacheRow, dtypes, type HostBuffer, spanOf } from '@flexgen/spec'
import { assertBytes } from '../kit/assert-bytes.ts'
import { assertClose, type Tolerance } from '../kit/assert-close.ts'
import { assertRefused } from '../kit/refusal.ts'
import {
  allocateRows,
  type AttentionOutputs,
  type AttentionScenario,
  readCacheRow,
  runScenario,
  scenarioKeys,
} from './attention-scenario.ts'
import { type BackendContext, widest } from './backend-context.ts'

const base: AttentionScenario = {
  heads: 4,
  kvHeads: 4,
  headDim: 8,
  sparsity: 1,
  maxPositions: 24,
  steps: [
    [5, 9, 1],
    [1, 1, 1],
    [1, 1, 1],
    [1, 1, 1],
    [1, 1, 1],
  ],
  seed: 11,
}

/** Scenarios by the title of their test. */
const scenarios: Readonly<Record<string, AttentionScenario>> = {
  'ragged prompts and decode steps': base,
  'one sequence of one token': { ...base, steps: [[1]], seed: 12 },
  'several query heads on a kv head': { ...base, heads: 6, kvHeads: 2, headDim: 5, seed: 13 },
  'one kv head for all': { ...base, heads: 3, kvHeads: 1, seed: 14 },
  'prompts in chunks': {
    ...base,
    steps: [
      [3, 4, 1],
      [2, 1, 4],
      [1, 3, 2],
      [1, 1, 1],
    ],
    seed: 15,
  },
  'sparse decode': {
    ...base,
    sparsity: 0.4,
    steps: [
      [7, 12, 2],
      [1, 1, 1],
      [1, 1, 1],
      [1, 1, 1],
    ],
    seed: 16,
  },
  'caches that are filled to the last position': {
    ...base,
    maxPositions: 12,
    steps: [
      [10, 11],
      [1, 1],
    ],
    seed: 17,
  },
}

const long: AttentionScenario = {
  ...base,
  maxPositions: 160,
  steps: [
    [150, 37],
    [1, 1],
    [1, 1],
  ],
}

/** Heads as models have them, over more positions than kernels take at once. */
const modelScenarios: readonly AttentionScenario[] = [
  { ...long, headDim: 64, seed: 21 },
  { ...long, headDim: 80, heads: 6, kvHeads: 2, seed: 22 },
  { ...long, headDim: 256, heads: 2, kvHeads: 1, seed: 23 },
  { ...long, headDim: 128, seed: 24 },
]

/** Half dtypes of a cache round what is stored; outputs are of size 1. */
const cacheTolerance: Readonly<Record<string, Tolerance>> = {
  float16: { absolute: 4e-3, relative: 4e-3 },
  bfloat16: { absolute: 3e-2, relative: 3e-2 },
}

/** 4-bit caches: one group a head, one that is padded, two; heads that share, sparsity. */
const groupScenarios: readonly AttentionScenario[] = [
  { ...base, headDim: 64 },
  { ...base, headDim: 80, heads: 6, kvHeads: 2 },
  { ...base, headDim: 128, kvHeads: 2 },
  { ...scenarios['sparse decode']!, headDim: 80 },
]

/** A backend may round what meets the nibbles to 16 bits of the largest in a group. */
const groupTolerance: Tolerance = { absolute: 2e-4, relative: 2e-4 }

/** Attention with its cache agrees with the oracle, however rows are batched and wherever they lie. */
export function attentionSuite({ compare, test, tolerance }: BackendContext): void {
  const assertOutputs = (actual: AttentionOutputs, expected: AttentionOutputs, allowed = tolerance): void => {
    for (const [step, rows] of expected.entries())
      for (const [row, values] of rows.entries())
        assertClose(actual[step]![row]!, values, allowed, `step ${step}, sequence ${row}`)
  }

  for (const [title, scenario] of Object.entries(scenarios)) {
    compare(`Attention agrees with the oracle: ${title}`, async (backend, oracle) => {
      const expected = await runScenario(oracle, scenario, allocateRows(oracle, scenario))
      assertOutputs(await runScenario(backend, scenario, allocateRows(backend, scenario)), expected)
      const again = allocateRows(backend, scenario)
      assertOutputs(await runScenario(backend, scenario, again, { together: false }), expected)
    })
  }

  test('Attention stores keys and values of valid tokens in the host form', async (backend) => {
    const rows = allocateRows(backend, base)
    await runScenario(backend, base, rows)
    const { kvHeads, headDim, maxPositions } = base
    for (const [sequence, row] of rows.entries()) {
      const stored = await readCacheRow(backend, row, maxPositions)
      for (const [part, kind] of (['k', 'v'] as const).entries()) {
        const tokens = scenarioKeys(base, sequence, kind)
        const count = tokens.length / (kvHeads * headDim)
        for (let head = 0; head < kvHeads; head++) {
          const lane = stored.subarray((part * kvHeads + head) * maxPositions * headDim).subarray(0, count * headDim)
          const expected = Float32Array.from(
            { length: count * headDim },
            (_, at) => tokens[(Math.floor(at / headDim) * kvHeads + head) * headDim + (at % headDim)]!,
          )
          assertClose(lane, expected, { absolute: 0, relative: 0 }, `${kind} of sequence ${sequence}, head ${head}`)
        }
      }
    }
  })

  for (const dtype of dtypes) {
    compare(`Attention with a ${dtype} cache agrees with the oracle, or is refused`, async (backend, oracle) => {
      const { kvHeads, maxPositions } = base
      if (!backend.capabilities.cacheDtypes.includes(dtype)) {
        const spec = { kvHeads, headDim: 64, maxPositions, dtype }
        return await assertRefused(`a ${dtype} cache`, () => backend.allocateCache(spec, 2), ['UNSUPPORTED_DATA'])
      }
      if (dtype === 'q4g64') {
        // The values that groups hold are the oracle's; only equal caches can be compared closely.
        const allowedGroups = widest(tolerance, groupTolerance)
        for (const grouped of groupScenarios) {
          const expected = await runScenario(oracle, grouped, allocateRows(oracle, grouped, dtype))
          const actual = await runScenario(backend, grouped, allocateRows(backend, grouped, dtype))
          assertOutputs(actual, expected, allowedGroups)
        }
        return
      }
      const allowed = dtype === 'float32' ? tolerance : cacheTolerance[dtype]
      assert.ok(allowed !== undefined, `this kit has no case for ${dtype} caches yet: do not declare them`)
      for (const scenario of [base, ...modelScenarios]) {
        const expected = await runScenario(oracle, scenario, allocateRows(oracle, scenario))
        assertOutputs(await runScenario(backend, scenario, allocateRows(backend, scenario, dtype)), expected, allowed)
      }
    })
  }

  compare('Attention takes rows in any order of one cache', async (backend, oracle) => {
    const expected = await runScenario(oracle, base, allocateRows(oracle, base))
    const wide = { ...base, steps: [[1, 1, 1, 1, 1]] }
    const rows = allocateRows(backend, wide)
    assertOutputs(await runScenario(backend, base, [rows[3]!, rows[0]!, rows[4]!]), expected)
  })

  compare('Attention goes on where rows moved through host pages', async (backend, oracle) => {
    const expected = await runScenario(oracle, base, allocateRows(oracle, base))
    assertOutputs(await runScenario(backend, base, allocateRows(backend, base), { moveRows: true }), expected)
  })

  compare('Attention takes rows that held longer sequences before', async (backend, oracle) => {
    const later: AttentionScenario = { ...base, seed: 18, steps: [[2, 3, 1], ...base.steps.slice(1)] }
    const expected = await runScenario(oracle, later, allocateRows(oracle, later))
    const rows = allocateRows(backend, base)
    await runScenario(backend, base, rows)
    assertOutputs(await runScenario(backend, later, rows), expected)
  })

  compare('Attention takes rows of different caches, or refuses them', async (backend, oracle) => {
    for (const scenario of [base, ...modelScenarios]) {
      const rows = scenario.steps[0]!.map((_, row) => allocateRows(backend, scenario)[row]!)
      if (!backend.capabilities.scatteredCacheRows)
        return await assertRefused('rows of different caches', () => runScenario(backend, scenario, rows))
      const expected = await runScenario(oracle, scenario, allocateRows(oracle, scenario))
      assertOutputs(await runScenario(backend, scenario, rows), expected)
    }
  })

  compare('Attention works on views of host pages in place, or the backend has no views', async (backend, oracle) => {
    assert.equal(backend.viewCache !== undefined, backend.device.hostVisible)
    if (backend.viewCache === undefined) return
    const expected = await runScenario(oracle, base, allocateRows(oracle, base))
    const { rows, page } = viewedRows(backend, base)
    const before = backend.memory().deviceBytes
    assertOutputs(await runScenario(backend, base, rows), expected)
    assert.equal(backend.memory().deviceBytes, before, 'views hold no memory of their own')
    const viewed = await readCacheRow(backend, rows[1]!, base.maxPositions)
    const bytes = page.bytes.subarray(viewed.byteLength, 2 * viewed.byteLength)
    assertBytes(new Uint8Array(viewed.buffer), bytes, 'the view is the page')
    assert.ok(bytes.some((byte) => byte !== 0))
    backend.free(rows[0]!.cache)
    assert.ok(page.bytes.byteLength > 0, 'freeing a view frees no page')
  })
}

/** Rows that view the pages of one host buffer, which lie one behind the other. */
function viewedRows(
  backend: Backend,
  { kvHeads, headDim, maxPositions, steps }: AttentionScenario,
): {
  rows: CacheRow[]
  page: HostBuffer
} {
  const spec = { kvHeads, headDim, maxPositions, dtype: 'float32' } as const
  const rowBytes = cachePageBytes(spec, maxPositions)
  const page = backend.allocateHost(rowBytes * steps[0]!.length)
  const pages = steps[0]!.map((_, row) => ({ span: spanOf(page, row * rowBytes, rowBytes), positions: maxPositions }))
  const cache = backend.viewCache!(pages, spec)
  return { rows: pages.map((_, row) => ({ cache, row })), page }
}
