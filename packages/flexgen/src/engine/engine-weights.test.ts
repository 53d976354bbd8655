import { createDummySource } from '@flexgen/checkpoint'
import { createOptModel, optFamily } from '@flexgen/opt'
import type { DType, WeightSource } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { engineWeightsOf } from './engine-weights.ts'

const model = createOptModel(optFamily.builtinConfig('opt-125m'))
const tensors = model.layers.flatMap(({ weights }) =>
  weights.flatMap(({ parts }) => parts.map(({ tensor, shape }) => ({ name: tensor, shape }))),
)
const unique = [...new Map(tensors.map((tensor) => [tensor.name, tensor])).values()]
const original: WeightSource = createDummySource({ tensors: unique, dtype: 'float16', seed: 1 })

const backend = (...weightDtypes: DType[]) => ({ name: 'it', capabilities: { weightDtypes } })
const dtypeOf = (weights: WeightSource) => weights.tensors.get('model.decoder.layers.0.fc1.weight')!.dtype

describe('weights of an engine', () => {
  it('are the source itself without compression', () => {
    const { weights, notices } = engineWeightsOf({ model, weights: original }, { compressWeight: false }, backend())
    expect(weights).toBe(original)
    expect(notices).toEqual([])
  })

  it("have FlexGen's form, and another only where the backend has no kernels for it", () => {
    const compress = (...dtypes: DType[]) =>
      engineWeightsOf({ model, weights: original }, { compressWeight: true }, backend(...dtypes))
    expect(dtypeOf(compress('q4g64', 'q4g64c').weights)).toBe('q4g64c')
    // Nothing fits: the engine says so.
    expect(dtypeOf(compress('float32').weights)).toBe('q4g64c')
    const { weights, notices } = compress('q4g64')
    expect(dtypeOf(weights)).toBe('q4g64')
    expect(notices).toEqual([expect.stringContaining('along the inputs')])
  })

  it('are not compressed twice', () => {
    const { weights } = engineWeightsOf({ model, weights: original }, { compressWeight: true }, backend('q4g64c'))
    const again = engineWeightsOf({ model, weights }, { compressWeight: true }, backend('q4g64'))
    expect(again.weights).toBe(weights)
    expect(again.notices).toEqual([expect.stringContaining('compressed already')])
  })
})
