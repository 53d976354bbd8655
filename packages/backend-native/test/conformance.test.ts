import { createReferenceBackend } from '@flexgen/backend-reference'
import { describeBackend } from '@flexgen/conformance'
import { describe, it } from 'vitest'
import { createNativeBackend } from '../src/index.ts'
import { lacks } from './known-gaps.ts'
import { availableLevels, hasNative } from './support/levels.ts'

for (const level of await availableLevels()) {
  describeBackend(`host kernels for ${level}`, () => createNativeBackend({ threads: 2, level }), {
    describe: hasNative ? describe : describe.skip,
    it,
    oracle: () => createReferenceBackend(),
    lacks,
  })
}
