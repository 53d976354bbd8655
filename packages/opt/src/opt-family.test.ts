import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeModel } from '@flexgen/conformance'
import { dtypeBytes, type Model } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { optFamily } from './opt-family.ts'

interface Size {
  readonly name: string
  readonly layers: number
  readonly hidden: number
  readonly heads: number
  readonly ffn: number
  readonly parameters: number
  readonly kvBytesPerToken: number
}

const table = join(import.meta.dirname, '../test/fixtures/opt-family.json')
const { family, ...common } = JSON.parse(readFileSync(table, 'utf8')) as {
  readonly family: readonly Size[]
  readonly vocabularyRows: number
  readonly maxPositions: number
  readonly padId: number
  readonly eosId: number
}

const create = (name: string): Model => optFamily.create(optFamily.builtinConfig(name), { name })

it.each(family)('$name has the sizes of the table', (size) => {
  const model = create(size.name)
  expect(model.facts).toEqual({
    decoderLayers: size.layers,
    heads: size.heads,
    ffnSize: size.ffn,
    parameters: size.parameters,
  })
  expect(model).toMatchObject({
    name: size.name,
    hiddenSize: size.hidden,
    headDim: size.hidden / size.heads,
    vocabularySize: common.vocabularyRows,
    maxPositions: common.maxPositions,
    padId: common.padId,
    eosIds: [common.eosId],
  })
  const { kvHeads, headDim, facts } = model
  expect(2 * facts.decoderLayers * dtypeBytes('float16', kvHeads * headDim)).toBe(size.kvBytesPerToken)
})

it('has every size of the table built in', () => {
  expect(optFamily.builtinNames).toEqual(expect.arrayContaining(family.map((size) => size.name)))
  expect(optFamily.modelTypes).toEqual(['opt'])
})

describe.each(family)('$name', ({ name }) => {
  const dummy = create(name)
  const parts = dummy.layers.flatMap((layer) => layer.weights).flatMap((weight) => weight.parts)
  const tensorNames = parts.map((part) => part.tensor)
  describeModel(name, () => optFamily.create(optFamily.builtinConfig(name), { name, tensorNames }), { describe, it })
})
