import { openCheckpoint } from '@flexgen/checkpoint'
import { describeModel } from '@flexgen/conformance'
import { fixtureNames, loadFixture } from '@flexgen/opt-fixtures'
import { describe, it } from 'vitest'
import { createOptModel } from '../src/index.ts'
import { referenceOf } from './reference-of.ts'

describe.each(fixtureNames)('OPT agrees with transformers: %s', (name) => {
  const fixture = loadFixture(name)
  const weights = () => openCheckpoint(fixture.folder)
  const create = async () => {
    await using source = await weights()
    return createOptModel(fixture.config, { name, tensorNames: source.tensors.keys() })
  }
  describeModel(name, create, { describe, it, weights, reference: referenceOf(fixture) })
})
