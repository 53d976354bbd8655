import { describeBackend } from '@flexgen/conformance'
import { describe, it } from 'vitest'
import { createReferenceBackend } from './create-reference-backend.ts'

// The oracle is the same code over host memory; golden vectors (test/fixtures) anchor the operators themselves.
const oracle = (): ReturnType<typeof createReferenceBackend> => createReferenceBackend()
const exact = { absolute: 0, relative: 0 }

for (const hostVisible of [true, false]) {
  const create = async (): ReturnType<Parameters<typeof describeBackend>[1]> => createReferenceBackend({ hostVisible })
  describeBackend(`the reference backend, hostVisible ${hostVisible},`, create, {
    describe,
    it,
    oracle,
    tolerance: exact,
  })
}
