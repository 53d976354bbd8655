import { join } from 'node:path'
import { describe, it } from 'node:test'
import { createReferenceBackend } from '@flexgen/backend-reference'
import { openCheckpoint, readConfig } from '@flexgen/checkpoint'
import { describeModel } from '@flexgen/conformance'
import { createGpt2Model } from '../src/index.ts'
import { readCases } from './read-cases.ts'

const folder = join(import.meta.dirname, '../fixtures/tiny')
const weights = () => openCheckpoint(folder)
const reference = { oracle: createReferenceBackend, cases: readCases(folder) }

async function create() {
  await using source = await weights()
  return createGpt2Model(await readConfig(folder), { tensorNames: source.tensors.keys() })
}

describeModel('GPT-2', create, { describe, it, weights, reference })
