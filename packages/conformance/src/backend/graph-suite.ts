import assert from 'node:assert/strict'
import { type Binding, type Kernel, type Queue, type QueueEvent, type Span, spanOf } from '@flexgen/spec'
import { createHostBuffer } from '../kit/host-buffer.ts'
import { randomFloats } from '../kit/random.ts'
import { floatTensor } from '../kit/tensor-data.ts'
import { assertBytes } from '../kit/assert-bytes.ts'
import type { BackendContext } from './backend-context.ts'
import { activation, graphOf } from './graph-of.ts'
import { runGraph } from './run-graph.ts'
import { hostFloats, smallBytes, smallRun, smallShapes } from './small-kernel.ts'

/** Graphs are more than their nodes: values have several readers, kernels several bindings. */
export function graphSuite({ compare, test, assertSame }: BackendContext): void {
  compare(
    'values with several readers agree with the oracle, outputs that are read among them',
    async (backend, oracle) => {
      const shape = ['batch', 'seq', 12] as const
      const graph = graphOf(
        [activation('a', shape), activation('b', shape)],
        [
          { operator: 'Add', inputs: ['a', 'b'], outputs: ['sum'], attributes: {} },
          { operator: 'Relu', inputs: ['sum'], outputs: ['positive'], attributes: {} },
          { operator: 'Add', inputs: ['sum', 'sum'], outputs: ['double'], attributes: {} },
          { operator: 'Add', inputs: ['double', 'positive'], outputs: ['y'], attributes: {} },
          { operator: 'Add', inputs: ['y', 'a'], outputs: ['z'], attributes: {} },
        ],
        // In another order than they are written in.
        [activation('z', shape), activation('positive', shape), activation('y', shape)],
      )
      const tensor = (seed: number): ReturnType<typeof floatTensor> => floatTensor([2, 3, 12], randomFloats(seed, 72))
      const inputs = { a: tensor(1), b: tensor(2) }
      assertSame(await runGraph(backend, graph, inputs), await runGraph(oracle, graph, inputs), 'a graph')
    },
  )

  test('bindings of one kernel run side by side on queues of their own', async (backend) => {
    const { kernel, spans } = await smallRun(backend)
    const lanes = Array.from({ length: 4 }, (_, lane) => makeLane(kernel, lane))
    const issue = ({ queue, binding, x, y, input }: Lane): { event: QueueEvent; target: Uint8Array } => {
      const target = createHostBuffer(smallBytes.y)
      queue.copyIn(x, input)
      queue.run(kernel, binding)
      return { event: queue.copyOut(spanOf(target), y), target: target.bytes }
    }
    const expected: Uint8Array[] = []
    for (const lane of lanes) {
      const { event, target } = issue(lane)
      await event.whenDone()
      expected.push(target)
    }
    for (const [lane, bytes] of expected.entries()) assert.notDeepEqual(bytes, expected[lane - 1], `queue ${lane}`)
    for (let round = 0; round < 5; round++) {
      const together = lanes.map(issue)
      await Promise.all(together.map(({ event }) => event.whenDone()))
      for (const [lane, { target }] of together.entries())
        assertBytes(target, expected[lane]!, `queue ${lane}, round ${round}`)
    }

    function makeLane(of: Kernel, lane: number): Lane {
      const [x, y] = [spanOf(backend.allocate(smallBytes.x)), spanOf(backend.allocate(smallBytes.y))]
      const binding = of.createBinding()
      for (const [name, span] of Object.entries({ ...spans, x, y }))
        binding.set(name, span, smallShapes[name as keyof typeof smallShapes])
      return { queue: backend.createQueue(`lane ${lane}`), binding, x, y, input: hostFloats(50 + lane, smallBytes.x) }
    }
  })
}

interface Lane {
  readonly queue: Queue
  readonly binding: Binding
  readonly x: Span
  readonly y: Span
  readonly input: ReturnType<typeof hostFloats>
}
