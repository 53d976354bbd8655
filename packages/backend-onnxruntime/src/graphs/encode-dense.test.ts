import { fromBinary } from '@bufbuild/protobuf'
import type { DType, LayerGraph } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { ModelProtoSchema } from '../onnx/onnx-pb.ts'
import { type DenseModel, encodeDense, type WeightForm } from './encode-dense.ts'
import { describeGraph } from './graph-info.ts'
import { type DensePlan, planGraph } from './plan-graph.ts'

/** y = x W^T + b. */
function linear(outputs: number, inputs: number, dtype: DType): LayerGraph {
  return {
    name: 'linear',
    inputs: [
      { name: 'x', dtype: 'float32', shape: ['batch', 'seq', inputs], role: 'hidden' },
      { name: 'w', dtype, shape: [outputs, inputs], role: 'weight' },
      { name: 'b', dtype, shape: [outputs], role: 'weight' },
    ],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 'seq', outputs], role: 'hidden' }],
    caches: [],
    nodes: [{ operator: 'Linear', inputs: ['x', 'w', 'b'], outputs: ['y'], attributes: { transposed: true } }],
  }
}

function encode(graph: LayerGraph, form: Partial<WeightForm> = {}): DenseModel {
  const plan = planGraph(graph)[0] as DensePlan
  return encodeDense(describeGraph(graph), plan, { held: new Set(), halfTensors: true, ...form })
}

/** Operators of a model, each with how often it occurs. */
function operatorsOf({ model }: DenseModel): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { opType } of fromBinary(ModelProtoSchema, model).graph!.node) counts[opType] = (counts[opType] ?? 0) + 1
  return counts
}

const rowsOf = ({ inputs }: DenseModel): number[] | undefined =>
  inputs.find(({ value }) => value === 'w')!.blocks?.map(({ rows }) => rows)

describe('encodeDense', () => {
  it('cuts a large half matrix into blocks of rows that are 4 MiB wide in float32', () => {
    const model = encode(linear(1100, 2048, 'float16'))
    expect(rowsOf(model)).toEqual([512, 512, 76])
    expect(operatorsOf(model)).toEqual({ Cast: 4, Split: 1, Gemm: 3, Concat: 1 })
  })

  it('cuts a very small half matrix finer, and what fits into a block not at all', () => {
    expect(rowsOf(encode(linear(500, 512, 'float16')))).toEqual([256, 244])
    expect(rowsOf(encode(linear(700, 512, 'float16')))).toBeUndefined()
    expect(rowsOf(encode(linear(256, 512, 'float16')))).toBeUndefined()
    expect(rowsOf(encode(linear(1100, 2048, 'float32')))).toBeUndefined()
  })

  it('binds what half weights are widened to where the runtime takes no half tensors', () => {
    const model = encode(linear(1100, 2048, 'float16'), { halfTensors: false })
    expect(rowsOf(model)).toBeUndefined()
    expect(operatorsOf(model)).toEqual({ Gemm: 1 })
  })

  it.each([true, false])('holds half weights as they lie, cast in the model (half tensors: %s)', (halfTensors) => {
    const model = encode(linear(1100, 2048, 'float16'), { held: new Set(['w']), halfTensors })
    expect([...model.held]).toEqual(['w'])
    expect(model.inputs.map(({ value }) => value)).toEqual(['x', 'b'])
    expect(operatorsOf(model)).toEqual({ Cast: halfTensors ? 2 : 1, Gemm: 1 })
  })
})
