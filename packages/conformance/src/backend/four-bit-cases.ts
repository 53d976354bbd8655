import { elementCount, type GraphNode, type GroupDType, type NodeOf, q4Group } from '@flexgen/spec'
import { randomGroupTensor } from '../kit/group-tensor.ts'
import type { Random } from '../kit/random.ts'
import { floatTensor, intTensor, type TensorData } from '../kit/tensor-data.ts'
import { activation, graphOf, weight } from './graph-of.ts'
import type { CaseSize, OperatorCase } from './operator-cases.ts'

const dynamic = ['batch', 'seq'] as const

/** A width of whole groups, or one whose last group is padded. */
const groupsWide = ({ width, batch }: CaseSize): number => q4Group.values * (1 + (width % 3)) - (batch === 3 ? 48 : 0)

/**
 * Values that no rounding moves from one nibble to the next: multiples of a step and at most 0.3 steps beside them. Every
 * seventh group is constant; a padded group starts at 0, as its padding does.
 */
function clearValues(random: Random, shape: readonly number[]): TensorData {
  const width = shape.at(-1)!
  const values = new Float32Array(elementCount(shape))
  for (let from = 0, group = 0; from < values.length; group++) {
    const count = Math.min(q4Group.values, width - (from % width))
    const step = (1 + random.integer(0, 3) / 4) * 2 ** random.integer(-5, 1)
    const least = count < q4Group.values ? 0 : random.integer(-64, 64) / 8
    const levels = Array.from({ length: count }, () => random.integer(1, 14) + (random.next() - 0.5) * 0.6)
    levels[0] = 0
    levels[count - 1] = 15
    for (const [i, level] of levels.entries()) values[from + i] = group % 7 === 3 ? least : least + level * step
    from += count
  }
  return floatTensor(shape, values)
}

/** Cases of QuantizeGroup, whose bytes are compared. */
export function quantizeGroupCases(random: Random, size: CaseSize): OperatorCase[] {
  const shape = [...dynamic, groupsWide(size)]
  const node: GraphNode = { operator: 'QuantizeGroup', inputs: ['x'], outputs: ['y'], attributes: {} }
  const x = clearValues(random, [size.batch, size.seq, groupsWide(size)])
  return [{ graph: graphOf([activation('x', shape)], [node], [activation('y', shape, 'q4g64')]), inputs: { x } }]
}

/** Cases of DequantizeGroup. */
export function dequantizeGroupCases(random: Random, size: CaseSize): OperatorCase[] {
  const shape = [...dynamic, groupsWide(size)]
  const node: GraphNode = { operator: 'DequantizeGroup', inputs: ['x'], outputs: ['y'], attributes: {} }
  const x = randomGroupTensor(random, [size.batch, size.seq, groupsWide(size)])
  return [{ graph: graphOf([activation('x', shape, 'q4g64')], [node], [activation('y', shape)]), inputs: { x } }]
}

/** Cases of Linear with 4-bit weights of both forms. */
export function fourBitLinearCases(random: Random, size: CaseSize, dtype: GroupDType): OperatorCase[] {
  return [true, false].map((transposed) => {
    const [inner, out] = transposed ? [groupsWide(size), size.width + 5] : [size.width + 5, groupsWide(size)]
    const shape = transposed ? [out, inner] : [inner, out]
    const node: NodeOf<'Linear'> = {
      operator: 'Linear',
      inputs: ['x', 'w', 'b'],
      outputs: ['y'],
      attributes: { transposed },
    }
    const values = (dimensions: readonly number[]): TensorData =>
      floatTensor(
        dimensions,
        Float32Array.from({ length: elementCount(dimensions) }, () => random.next() * 2 - 1),
      )
    return {
      graph: graphOf(
        [activation('x', [...dynamic, inner]), weight('w', shape, dtype), weight('b', [out])],
        [node],
        [activation('y', [...dynamic, out])],
      ),
      inputs: {
        x: values([size.batch, size.seq, inner]),
        w: randomGroupTensor(random, shape, dtype),
        b: values([out]),
      },
    }
  })
}

/** Cases of Gather from a 4-bit table. */
export function fourBitGatherCases(random: Random, size: CaseSize): OperatorCase[] {
  const [rows, width] = [11, groupsWide(size)]
  const node: NodeOf<'Gather'> = {
    operator: 'Gather',
    inputs: ['table', 'ids'],
    outputs: ['y'],
    attributes: { indexOffset: 2 },
  }
  const ids = Array.from({ length: size.batch * size.seq }, () => random.integer(0, rows - 3))
  return [
    {
      graph: graphOf(
        [weight('table', [rows, width], 'q4g64'), { name: 'ids', dtype: 'int32', shape: dynamic, role: 'system' }],
        [node],
        [activation('y', [...dynamic, width])],
      ),
      inputs: { table: randomGroupTensor(random, [rows, width]), ids: intTensor([size.batch, size.seq], ids) },
    },
  ]
}
