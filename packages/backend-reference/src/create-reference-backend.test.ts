import { createRandom, describeBackend } from '@flexgen/conformance'
import type { Backend } from '@flexgen/spec'
import { describe, it } from 'vitest'
import { createReferenceBackend, type ReferenceBackendOptions } from './create-reference-backend.ts'

// The oracle is the same code over host memory; golden vectors (test/fixtures) anchor the operators themselves.
const oracle = (): Backend => createReferenceBackend()
const exact = { absolute: 0, relative: 0 }

/** Operations take a turn of the event loop, or one or two milliseconds, as a seed wants it. */
function delays(): NonNullable<ReferenceBackendOptions['asyncDelayMs']> {
  const random = createRandom(5)
  return () => random.pick([0, 0, 0, 1, 2])
}

const variants: Readonly<Record<string, () => ReferenceBackendOptions>> = {
  'host-visible': () => ({}),
  'with memory of its own': () => ({ hostVisible: false }),
  'with delayed completions': () => ({ hostVisible: false, asyncDelayMs: delays() }),
}

for (const [name, options] of Object.entries(variants)) {
  describeBackend(`the reference backend, ${name},`, async () => createReferenceBackend(options()), {
    describe,
    it,
    oracle,
    tolerance: exact,
  })
}
