import { describe, it } from 'node:test'
import { createReferenceBackend } from '@flexgen/backend-reference'
import { describeBackend } from '@flexgen/conformance'
import { createToyBackend } from '../src/index.ts'
import { knownGaps } from './known-gaps.ts'

describeBackend('toy', async () => createToyBackend(), { describe, it, oracle: createReferenceBackend, knownGaps })
