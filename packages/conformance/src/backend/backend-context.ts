import type { Backend } from '@flexgen/spec'
import { assertBytes } from '../kit/assert-bytes.ts'
import { assertClose, type Tolerance } from '../kit/assert-close.ts'
import { assertFlexgenError } from '../kit/refusal.ts'
import { floatsOf, intsOf, type TensorData } from '../kit/tensor-data.ts'
import type { BackendKit } from './backend-kit.ts'
import assert from 'node:assert/strict'

/** What the suites of a backend share. */
export interface BackendContext {
  readonly tolerance: Tolerance
  /** Registers a test that gets a fresh backend, which is disposed afterwards. */
  test(title: string, body: (backend: Backend) => Promise<void>): void
  /** Registers a test that gets a fresh backend and the oracle. */
  compare(title: string, body: (backend: Backend, oracle: Backend) => Promise<void>): void
  /** Asserts that outputs agree: floats within the tolerance or a wider one, integers and groups exactly. */
  assertSame(
    actual: Record<string, TensorData>,
    expected: Record<string, TensorData>,
    what: string,
    wider?: Tolerance,
  ): void
}

/** Makes the context of a suite; known gaps become tests of the declared refusal. */
export function createBackendContext(
  create: () => Promise<Backend>,
  kit: BackendKit,
): BackendContext & { readonly titles: ReadonlySet<string> } {
  const tolerance = kit.tolerance ?? { absolute: 1e-5, relative: 1e-4 }
  const gaps = new Map((kit.knownGaps ?? []).map((gap) => [gap.test, gap.reason]))
  const titles = new Set<string>()
  const register = (title: string, body: () => Promise<void>): void => {
    titles.add(title)
    const gap = gaps.get(title)
    if (gap === undefined) kit.it(title, body)
    else kit.it(`${title} [known gap: ${gap}]`, () => assertGap(title, body))
  }
  return {
    tolerance,
    titles,
    test: (title, body) =>
      register(title, async () => {
        await using backend = await create()
        await body(backend)
      }),
    compare: (title, body) =>
      register(title, async () => {
        await using backend = await create()
        await using oracle = await (kit.oracle ?? create)()
        await body(backend, oracle)
      }),
    assertSame: (actual, expected, what, wider) => {
      const allowed = widest(tolerance, wider)
      assert.deepEqual(Object.keys(actual), Object.keys(expected), `${what}: outputs`)
      for (const [name, wanted] of Object.entries(expected)) {
        const got = actual[name]!
        assert.deepEqual(got.shape, wanted.shape, `${what}: shape of ${name}`)
        if (wanted.dtype === 'int32') assert.deepEqual(intsOf(got), intsOf(wanted), `${what}: ${name}`)
        else if (wanted.dtype === 'q4g64') assertBytes(got.bytes, wanted.bytes, `${what}: ${name}`)
        else assertClose(floatsOf(got), floatsOf(wanted), allowed, `${what}: ${name}`)
      }
    },
  }
}

/** What either of two tolerances allows. */
export function widest(a: Tolerance, b: Tolerance = a): Tolerance {
  return { absolute: Math.max(a.absolute, b.absolute), relative: Math.max(a.relative, b.relative) }
}

async function assertGap(title: string, body: () => Promise<void>): Promise<void> {
  try {
    await body()
  } catch (error) {
    assertFlexgenError(error)
    return
  }
  assert.fail(`'${title}' passes: take it out of the known gaps`)
}
