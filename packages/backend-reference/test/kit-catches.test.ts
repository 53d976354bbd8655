import { describeBackend } from '@flexgen/conformance'
import { type Backend, doneEvent, type GraphNode, type Kernel, type LayerGraph, type Queue } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { createReferenceBackend } from '../src/index.ts'

/** The tests that `describeBackend` registers for a backend, by title, without running them. */
function testsOf(create: () => Promise<Backend>): Map<string, () => Promise<void>> {
  const tests = new Map<string, () => Promise<void>>()
  const kit = {
    describe: (_name: string, body: () => void): void => body(),
    it: (title: string, body: () => Promise<void>): void => void tests.set(title, body),
    oracle: createReferenceBackend,
  }
  describeBackend('a broken backend', create, kit)
  return tests
}

type Break = (backend: Backend) => Partial<Backend>

/** A reference backend of which some parts are replaced by broken ones. */
function broken(change: Break): () => Promise<Backend> {
  return async () => {
    const backend = createReferenceBackend()
    return { ...backend, ...change(backend) }
  }
}

function withNodes(change: (node: GraphNode) => object): Break {
  return (backend) => ({
    compile: async (graph: LayerGraph): Promise<Kernel> =>
      backend.compile({ ...graph, nodes: graph.nodes.map((node) => ({ ...node, ...change(node) })) }),
  })
}

/** Replaces attributes of one operator. */
function withAttributes(operator: string, attributes: (given: Record<string, number>) => object): Break {
  return withNodes((node) =>
    node.operator === operator
      ? { attributes: { ...node.attributes, ...attributes(node.attributes as Record<string, number>) } }
      : {},
  )
}

function renamed(from: string, to: string): Break {
  return withNodes((node) => (node.operator === from ? { operator: to } : {}))
}

function withQueue(change: (queue: Queue, backend: Backend) => Partial<Queue>): Break {
  return (backend) => ({
    createQueue: (name, trace): Queue => {
      const queue = backend.createQueue(name, trace)
      const bound = Object.fromEntries(
        (['copyIn', 'copyOut', 'copy', 'copyToCache', 'copyFromCache', 'run', 'wait', 'cancel', 'idle'] as const).map(
          (method) => [method, (queue[method] as (...args: unknown[]) => unknown).bind(queue)],
        ),
      ) as unknown as Queue
      return { ...bound, name, ...change(queue, backend) }
    },
  })
}

/** What is broken, and the title of a test that must fail. */
const defects: readonly (readonly [defect: string, title: string, change: Break])[] = [
  ['a table offset is ignored', 'Gather agrees with the oracle', withAttributes('Gather', () => ({ indexOffset: 0 }))],
  [
    'a bias is dropped',
    'Linear agrees with the oracle',
    withNodes(({ operator, inputs }) => (operator === 'Linear' ? { inputs: inputs.slice(0, 2) } : {})),
  ],
  ['Add multiplies', 'Add agrees with the oracle', renamed('Add', 'Mul')],
  ['Mul adds', 'Mul agrees with the oracle', renamed('Mul', 'Add')],
  [
    'a large epsilon',
    'LayerNormalization agrees with the oracle',
    withAttributes('LayerNormalization', (a) => ({ epsilon: 2 * a['epsilon']! })),
  ],
  [
    'another epsilon',
    'RMSNormalization agrees with the oracle',
    withAttributes('RMSNormalization', () => ({ epsilon: 0.05 })),
  ],
  ['Relu is smooth', 'Relu agrees with the oracle', renamed('Relu', 'Silu')],
  ['Silu is hard', 'Silu agrees with the oracle', renamed('Silu', 'Relu')],
  ['Gelu is approximate', 'Gelu agrees with the oracle', withAttributes('Gelu', () => ({ approximate: 'tanh' }))],
  ['Softmax does nothing much', 'Softmax agrees with the oracle', renamed('Softmax', 'Relu')],
  [
    'another theta',
    'RotaryEmbedding agrees with the oracle',
    withAttributes('RotaryEmbedding', () => ({ theta: 9000 })),
  ],
  [
    'pairs of the other kind',
    'RotaryEmbedding agrees with the oracle',
    withAttributes('RotaryEmbedding', () => ({ interleaved: true })),
  ],
  ['temperature is ignored', 'Sample agrees with the oracle', withAttributes('Sample', () => ({ temperature: 1 }))],
  ['topK is ignored', 'Sample agrees with the oracle', withAttributes('Sample', () => ({ topK: 0 }))],
  ['topP is ignored', 'Sample agrees with the oracle', withAttributes('Sample', () => ({ topP: 1 }))],
  [
    'a slightly wrong scale',
    'Attention agrees with the oracle: ragged prompts and decode steps',
    withAttributes('Attention', (a) => ({ scale: 1.01 * a['scale']! })),
  ],
  [
    'sparsity is ignored',
    'Attention agrees with the oracle: sparse decode',
    withAttributes('Attention', () => ({ sparsity: 1 })),
  ],
  [
    'sparsity keeps one too many',
    'Attention agrees with the oracle: sparse decode',
    withAttributes('Attention', (a) => ({ sparsity: a['sparsity']! + 0.15 })),
  ],
  [
    'queues wait for nothing',
    'copies: an event that is waited for holds back what is queued behind it, and nothing before it',
    withQueue(() => ({ wait: () => {} })),
  ],
  [
    'queues wait for nothing',
    'kernels: everything behind a failure fails with the same error',
    withQueue(() => ({ wait: () => {} })),
  ],
  [
    'cancel does nothing',
    'copies: cancel drops what has not started, and idle settles',
    withQueue(() => ({ cancel: () => {} })),
  ],
  [
    'idle is early',
    'kernels: what is queued when its queue is cancelled settles in order, before idle does',
    withQueue(() => ({ idle: async () => {} })),
  ],
  [
    'events come before the work',
    'copies of random ranges agree with a model in memory',
    withQueue((queue) => ({
      copyOut: (target, source) => {
        void Promise.resolve().then(() => queue.copyOut(target, source))
        return doneEvent
      },
      idle: async () => {},
    })),
  ],
  [
    'copies ignore offsets',
    'copies of random ranges agree with a model in memory',
    withQueue((queue) => ({ copyIn: (target, source) => queue.copyIn({ ...target, byteOffset: 0 }, source) })),
  ],
  [
    'page positions are ignored',
    'positions of a cache row go through host pages of any size and come back',
    withQueue((queue) => ({ copyToCache: (target, source) => queue.copyToCache(target, { ...source, position: 0 }) })),
  ],
  [
    'cache positions are ignored',
    'positions of a cache row go through host pages of any size and come back',
    withQueue((queue) => ({
      copyFromCache: (target, source) => queue.copyFromCache(target, { ...source, position: 0 }),
    })),
  ],
  [
    'views are copies',
    'Attention works on views of host pages in place, or the backend has no views',
    (backend) => ({ viewCache: (pages, spec) => backend.allocateCache(spec, pages.length) }),
  ],
  [
    'free waits for nothing',
    'a buffer freed after events stays until all have ended',
    (backend) => ({ free: (buffer) => backend.free(buffer) }),
  ],
  ['free frees nothing', 'buffers and caches are counted while they live', () => ({ free: () => {} })],
  ['freed buffers live on', 'a freed buffer is refused everywhere', () => ({ free: () => {} })],
  [
    'nothing is counted',
    'buffers and caches are counted while they live',
    (backend) => ({ memory: () => ({ ...backend.memory(), deviceBytes: 0 }) }),
  ],
  [
    'prepared weights are not counted',
    'a prepared kernel counts what it holds until it is disposed',
    (backend) => ({ memory: () => ({ ...backend.memory(), preparedBytes: 0 }) }),
  ],
  [
    'limits are not kept',
    'allocations beyond the limit are refused until it is raised',
    () => ({ setMemoryLimit: () => doneEvent }),
  ],
  [
    'limits that cannot be held settle',
    'a limit below what is held fails and names the least, or settles once memory is given back',
    () => ({ setMemoryLimit: () => doneEvent }),
  ],
  [
    'a dtype is declared that is refused',
    'Attention with a float16 cache agrees with the oracle, or is refused',
    (backend) => ({ capabilities: { ...backend.capabilities, cacheDtypes: ['float32', 'float16'] } }),
  ],
  [
    'an operator is declared that is missing',
    'DequantizeGroup agrees with the oracle',
    (backend) => ({
      capabilities: {
        ...backend.capabilities,
        operators: new Set([...backend.capabilities.operators, 'DequantizeGroup']),
      },
    }),
  ],
  [
    'an operator is there that is not declared',
    'Relu agrees with the oracle',
    (backend) => ({ capabilities: { ...backend.capabilities, operators: new Set() } }),
  ],
  [
    'scattered rows work but are not declared',
    'Attention takes rows of different caches, or refuses them',
    (backend) => ({ capabilities: { ...backend.capabilities, scatteredCacheRows: false } }),
  ],
  [
    'dispose leaves memory',
    'dispose frees everything, also what is cancelled, and may be called twice',
    () => ({ [Symbol.asyncDispose]: async () => {} }),
  ],
  [
    'host memory is dirty',
    'host memory is filled with zeros',
    (backend) => ({
      allocateHost: (size) => {
        const buffer = backend.allocateHost(size)
        buffer.bytes.fill(1)
        return buffer
      },
    }),
  ],
]

describe('the conformance kit catches a backend of which', () => {
  for (const [defect, title, change] of defects) {
    it(`${defect}: ${title}`, async () => {
      const whole = testsOf(async () => createReferenceBackend()).get(title)
      const cracked = testsOf(broken(change)).get(title)
      expect(whole, 'there is such a test').toBeDefined()
      await whole!()
      await expect(cracked!()).rejects.toThrow()
    })
  }
})

describe('known gaps', () => {
  const title = 'Relu agrees with the oracle'
  const gapTests = (change: Break, test = title): Map<string, () => Promise<void>> => {
    const tests = new Map<string, () => Promise<void>>()
    describeBackend('a backend with a gap', broken(change), {
      describe: (_name, body) => body(),
      it: (name, body) => tests.set(name, body),
      oracle: createReferenceBackend,
      knownGaps: [{ test, reason: 'made up' }],
    })
    return tests
  }
  const gapTitle = `${title} [known gap: made up]`

  it('pass where the backend refuses with an error of the project', async () => {
    const refusing: Break = (backend) => ({
      compile: (graph) => backend.compile({ ...graph, outputs: [{ ...graph.outputs[0]!, name: 'nobody' }] }),
    })
    await expect(gapTests(refusing).get(gapTitle)!()).resolves.toBeUndefined()
  })

  it('fail where the test passes, and where it fails with wrong numbers', async () => {
    await expect(gapTests(() => ({})).get(gapTitle)!()).rejects.toThrow(/known gaps/)
    await expect(gapTests(renamed('Relu', 'Silu')).get(gapTitle)!()).rejects.toThrow()
  })

  it('fail where they name no test', async () => {
    const last = 'every known gap is the title of a test'
    await gapTests(() => ({})).get(last)!()
    await expect(gapTests(() => ({}), 'Frobnicate agrees').get(last)!()).rejects.toThrow(/Frobnicate/)
  })
})
