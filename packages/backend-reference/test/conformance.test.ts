import { createRandom, describeBackend } from '@flexgen/conformance'
import type { Backend } from '@flexgen/spec'
import { describe, it } from 'vitest'
import { createReferenceBackend, type ReferenceBackendOptions } from '../src/create-reference-backend.ts'
import { lacks } from './known-gaps.ts'

// The oracle is the same code over host memory; golden vectors (test/fixtures) anchor the operators themselves.
const oracle = (): Backend => createReferenceBackend()

const variants: Readonly<Record<string, () => ReferenceBackendOptions>> = {
  'host-visible': () => ({}),
  'with memory of its own': () => ({ hostVisible: false }),
  'with delayed completions': () => {
    const random = createRandom(5)
    return { hostVisible: false, asyncDelayMs: () => random.pick([0, 0, 0, 1, 2]) }
  },
}

for (const [name, options] of Object.entries(variants)) {
  describeBackend(`the reference backend, ${name},`, async () => createReferenceBackend(options()), {
    describe,
    it,
    oracle,
    tolerance: { absolute: 0, relative: 0 },
    lacks,
  })
}
