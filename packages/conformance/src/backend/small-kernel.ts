import {
  type Backend,
  type Binding,
  type Kernel,
  type LayerGraph,
  type QueueEvent,
  type Span,
  spanOf,
} from '@flexgen/spec'
import { createHostBuffer } from '../kit/host-buffer.ts'
import { randomFloats } from '../kit/random.ts'
import { activation, graphOf, weight } from './graph-of.ts'

type ValueName = 'x' | 'w' | 'b' | 'y'

/** Input and output width of the small graph. */
const smallWidth = 6

/** `y = relu(x W^T + b)`, the smallest graph with a weight matrix. */
export const smallGraph: LayerGraph = graphOf(
  [activation('x', ['batch', 'seq', smallWidth]), weight('w', [smallWidth, smallWidth]), weight('b', [smallWidth])],
  [
    { operator: 'Linear', inputs: ['x', 'w', 'b'], outputs: ['z'], attributes: { transposed: true } },
    { operator: 'Relu', inputs: ['z'], outputs: ['y'], attributes: {} },
  ],
  [activation('y', ['batch', 'seq', smallWidth])],
)

/** A kernel of the small graph with everything bound in device buffers, for one token. */
export interface SmallRun {
  readonly kernel: Kernel
  readonly binding: Binding
  readonly spans: Readonly<Record<ValueName, Span>>
}

/** Shape of every value of a run of one token. */
export const smallShapes: Readonly<Record<ValueName, readonly number[]>> = {
  x: [1, 1, smallWidth],
  w: [smallWidth, smallWidth],
  b: [smallWidth],
  y: [1, 1, smallWidth],
}

/** Bytes of every value of a run of one token. */
export const smallBytes: Readonly<Record<ValueName, number>> = {
  x: 4 * smallWidth,
  w: 4 * smallWidth ** 2,
  b: 4 * smallWidth,
  y: 4 * smallWidth,
}

/** Host bytes of random float32 values. */
export function hostFloats(seed: number, byteLength: number): Span<ReturnType<typeof createHostBuffer>> {
  return spanOf(createHostBuffer(new Uint8Array(randomFloats(seed, byteLength / 4).buffer)))
}

/** Compiles the small graph and binds random inputs; what is allocated goes with the backend. */
export async function smallRun(backend: Backend): Promise<SmallRun> {
  const kernel = await backend.compile(smallGraph)
  const binding = kernel.createBinding()
  const queue = backend.createQueue('fill')
  let filled: QueueEvent | undefined
  const place = (name: ValueName, seed: number): Span => {
    const span = spanOf(backend.allocate(smallBytes[name]))
    filled = queue.copyIn(span, hostFloats(seed, smallBytes[name]))
    binding.set(name, span, smallShapes[name])
    return span
  }
  const spans = { x: place('x', 1), w: place('w', 2), b: place('b', 3), y: place('y', 4) }
  await filled!.whenDone()
  return { kernel, binding, spans }
}
