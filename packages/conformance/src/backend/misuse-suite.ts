import { type Backend, type Binding, type Kernel, spanOf } from '@flexgen/spec'
import { createHostBuffer } from '../kit/host-buffer.ts'
import { assertRefused } from '../kit/refusal.ts'
import type { BackendContext } from './backend-context.ts'
import { smallGraph, smallRun, type SmallRun } from './small-kernel.ts'

type Change = (binding: Binding, run: SmallRun, backend: Backend) => void

/** Changes to a good binding, each of which makes it a bad one. */
const badBindings: Readonly<Record<string, Change>> = {
  'an unknown name': (binding, { spans }) => binding.set('nobody', spans.x, [1, 1, 6]),
  'a weight of another shape': (binding, { spans }) => binding.set('w', spans.w, [4, 9]),
  'a weight of another rank': (binding, { spans }) => binding.set('w', spans.w, [36]),
  'an input of another width': (binding, { spans }) => binding.set('x', spans.x, [1, 2, 3]),
  'an output of another batch': (binding, _run, backend) => binding.set('y', spanOf(backend.allocate(48)), [2, 1, 6]),
  'an output of another length': (binding, _run, backend) => binding.set('y', spanOf(backend.allocate(48)), [1, 2, 6]),
  'a dimension of zero': (binding, { spans }) => binding.set('x', spans.x, [0, 1, 6]),
  'a broken dimension': (binding, { spans }) => binding.set('x', spans.x, [1, 0.5, 6]),
  'a span that is too small': (binding, { spans }) => binding.set('x', { ...spans.x, byteLength: 23 }, [1, 1, 6]),
  'a span beyond its buffer': (binding, { spans }) => binding.set('x', { ...spans.x, byteOffset: 1 }, [1, 1, 6]),
  'a span before its buffer': (binding, { spans }) => binding.set('x', { ...spans.x, byteOffset: -4 }, [1, 1, 6]),
}

/** Misuse gives errors of the project before anything is read or written. */
export function misuseSuite({ test }: BackendContext): void {
  for (const [title, change] of Object.entries(badBindings)) {
    test(`a binding with ${title} is refused`, async (backend) => {
      const run = await smallRun(backend)
      await assertRefused(title, () => {
        change(run.binding, run, backend)
        return backend.createQueue('bad').run(run.kernel, run.binding)
      })
    })
  }

  test('a binding that lacks an input or output is refused', async (backend) => {
    const { kernel, spans } = await smallRun(backend)
    for (const missing of ['x', 'w', 'b', 'y'] as const) {
      const binding = kernel.createBinding()
      for (const { name } of [...smallGraph.inputs, ...smallGraph.outputs])
        if (name !== missing)
          binding.set(name, spans[name as 'x'], name === 'w' ? [6, 6] : name === 'b' ? [6] : [1, 1, 6])
      await assertRefused(`no ${missing}`, () => backend.createQueue('bad').run(kernel, binding))
    }
  })

  test('a binding of another kernel is refused', async (backend) => {
    const [first, second] = [await smallRun(backend), await smallRun(backend)]
    await assertRefused('a strange binding', () => backend.createQueue('bad').run(first.kernel, second.binding))
  })

  test('weights that do not belong to the graph are not prepared', async (backend) => {
    await using kernel = await backend.compile(smallGraph)
    const prepare = (name: string, byteLength: number): ReturnType<Kernel['prepare']> =>
      kernel.prepare(new Map([[name, spanOf(createHostBuffer(byteLength))]]))
    await assertRefused('an unknown weight', () => prepare('nobody', 24))
    await assertRefused('an input that is no weight', () => prepare('x', 24))
    await assertRefused('too few bytes', () => prepare('w', 143))
  })

  test('graphs that cannot run are refused by compile', async (backend) => {
    const [x, w, b] = smallGraph.inputs
    const bad = {
      'shapes that do not fit': { ...smallGraph, inputs: [x!, { ...w!, shape: [6, 7] }, b!] },
      'a value that nobody writes': { ...smallGraph, inputs: [w!, b!] },
      'an output that nobody writes': { ...smallGraph, outputs: [{ ...smallGraph.outputs[0]!, name: 'nobody' }] },
      'an activation dtype that is not declared': {
        ...smallGraph,
        inputs: [{ ...x!, dtype: 'uint8' as const }, w!, b!],
      },
      'a weight dtype that is not declared': { ...smallGraph, inputs: [x!, { ...w!, dtype: 'int32' as const }, b!] },
      'an open dtype': { ...smallGraph, inputs: [x!, { ...w!, dtype: 'weight' as const }, b!] },
    }
    for (const [what, graph] of Object.entries(bad))
      await assertRefused(what, () => backend.compile(graph), ['UNSUPPORTED_DATA'])
  })

  test('copies outside their buffers, or of unequal lengths, are refused', async (backend) => {
    const device = backend.allocate(100)
    const host = createHostBuffer(100)
    const queue = (): ReturnType<Backend['createQueue']> => backend.createQueue('bad')
    await assertRefused('a target beyond its buffer', () => queue().copyIn(spanOf(device, 50, 60), spanOf(host, 0, 60)))
    await assertRefused('a source beyond its buffer', () =>
      queue().copyIn(spanOf(device), { buffer: host, byteOffset: 1, byteLength: 100 }),
    )
    await assertRefused('a negative offset', () => queue().copyOut(spanOf(host, 0, 4), spanOf(device, -4, 4)))
    await assertRefused('unequal lengths', () => queue().copyOut(spanOf(host, 0, 50), spanOf(device, 0, 60)))
    await assertRefused('a copy beyond the end', () => queue().copy(spanOf(device, 90, 20), spanOf(device, 0, 20)))
  })

  test('sizes that are no sizes are refused', async (backend) => {
    for (const byteLength of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      await assertRefused(`${byteLength} device bytes`, () => backend.allocate(byteLength))
      await assertRefused(`${byteLength} host bytes`, () => backend.allocateHost(byteLength))
    }
  })
}
