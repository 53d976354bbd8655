import type { LayerGraph } from '@flexgen/spec'
import { expect, it } from 'vitest'
import { lastUses } from './last-uses.ts'

const float = { dtype: 'float32', shape: ['batch', 'seq', 2], role: 'hidden' } as const

it('forgets values after their last reader, positions and lengths too, and never an output', () => {
  const graph: LayerGraph = {
    name: 'test',
    inputs: [{ ...float, name: 'x' }],
    outputs: [{ ...float, name: 'b' }],
    caches: [],
    nodes: [
      { operator: 'Relu', inputs: ['x'], outputs: ['a'], attributes: {} },
      { operator: 'Add', inputs: ['a', 'x'], outputs: ['b'], attributes: {} },
      { operator: 'LastPosition', inputs: ['b'], outputs: ['unread'], attributes: {} },
    ],
  }
  expect(lastUses(graph)).toEqual([[], ['x', 'a'], ['unread', 'positions', 'lengths']])
})
