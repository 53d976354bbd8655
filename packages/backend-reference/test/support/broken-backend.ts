import { describeBackend, type KnownGap, type KnownLack } from '@flexgen/conformance'
import {
  type Backend,
  type Binding,
  type GraphNode,
  type Kernel,
  type LayerGraph,
  type QueueEvent,
  type Queue,
  SettableEvent,
  systemClock,
} from '@flexgen/spec'
import { createReferenceBackend } from '../../src/index.ts'

/** Parts of a backend that replace the right ones. */
export type Break = (backend: Backend) => Partial<Backend>

/** What is broken, titles of tests that must fail, and how it is broken. */
export type Defect = readonly [defect: string, titles: readonly string[], change: Break]

/** The tests that `describeBackend` registers for a reference backend with a defect, by title, without running them. */
export function testsOf(
  change: Break = () => ({}),
  knownGaps: readonly KnownGap[] = [],
  lacks?: readonly KnownLack[],
): Map<string, () => Promise<void>> {
  const tests = new Map<string, () => Promise<void>>()
  const create = async (): Promise<Backend> => {
    const backend = createReferenceBackend()
    return { ...backend, ...change(backend) }
  }
  describeBackend('a broken backend', create, {
    describe: (_name, body) => body(),
    it: (title, body) => tests.set(title, body),
    oracle: () => createReferenceBackend(),
    knownGaps,
    ...(lacks && { lacks }),
  })
  return tests
}

/** Changes every graph before it is compiled. */
export function withGraph(change: (graph: LayerGraph) => Partial<LayerGraph>): Break {
  return (backend) => ({ compile: (graph) => backend.compile({ ...graph, ...change(graph) }) })
}

/** Changes every node of every graph. */
export function withNodes(change: (node: GraphNode) => object): Break {
  return withGraph(({ nodes }) => ({ nodes: nodes.map((node) => ({ ...node, ...change(node) })) }))
}

/** Replaces attributes of one operator. */
export function withAttributes(operator: string, attributes: (given: Record<string, number>) => object): Break {
  return withNodes((node) =>
    node.operator === operator
      ? { attributes: { ...node.attributes, ...attributes(node.attributes as Record<string, number>) } }
      : {},
  )
}

/** Computes one operator where another is asked for. */
export function renamed(from: string, to: string): Break {
  return withNodes((node) => (node.operator === from ? { operator: to } : {}))
}

type Methods<Type> = { [Key in keyof Type as Type[Key] extends (...args: never[]) => unknown ? Key : never]: Type[Key] }

/** The methods of an object as they are now, bound to it, so that they can be replaced on the object itself. */
function methodsOf<Type extends object>(object: Type, names: readonly (keyof Type & string)[]): Methods<Type> {
  const methods = names.map((name) => [name, (object[name] as (...args: unknown[]) => unknown).bind(object)])
  return Object.fromEntries(methods) as Methods<Type>
}

/** Replaces methods of every compiled kernel. */
export function withKernel(change: (kernel: Kernel & { readonly graph: LayerGraph }) => Partial<Kernel>): Break {
  return (backend) => ({
    compile: async (graph) => {
      const kernel = await backend.compile(graph)
      const dispose = kernel[Symbol.asyncDispose].bind(kernel)
      const methods = methodsOf(kernel, ['createBinding', 'workspaceBytes', 'preparedBytes', 'prepare'])
      return Object.assign(kernel, change({ ...methods, graph, [Symbol.asyncDispose]: dispose }))
    },
  })
}

/** Replaces methods of every binding of compiled and prepared kernels. */
export function withBinding(change: (binding: Binding, graph: LayerGraph) => Partial<Binding>): Break {
  const bindings = (createBinding: Kernel['createBinding'], graph: LayerGraph) => (): Binding => {
    const binding = createBinding()
    return Object.assign(binding, change(methodsOf(binding, ['set', 'setCache', 'release']), graph))
  }
  return withKernel(({ createBinding, prepare, graph }) => ({
    createBinding: bindings(createBinding, graph),
    prepare: async (weights) => {
      const prepared = await prepare(weights)
      return Object.assign(prepared, { createBinding: bindings(prepared.createBinding.bind(prepared), graph) })
    },
  }))
}

const queueMethods = [
  'copyIn',
  'copyOut',
  'copy',
  'copyToCache',
  'copyFromCache',
  'run',
  'wait',
  'cancel',
  'idle',
] as const

/** Replaces methods of every queue. */
export function withQueue(change: (queue: Queue, backend: Backend) => Partial<Queue>): Break {
  return (backend) => ({
    createQueue: (name, trace) => {
      const queue: Queue = { ...methodsOf(backend.createQueue(name, trace), queueMethods), name }
      return { ...queue, ...change(queue, backend) }
    },
  })
}

/** Replaces the events of copies to the device and of runs; `index` counts the operations of a queue. */
export function withEvents(change: (event: QueueEvent, index: number) => QueueEvent): Break {
  return withQueue((queue) => {
    let index = 0
    return {
      copyIn: (target, source) => change(queue.copyIn(target, source), index++),
      run: (kernel, binding) => change(queue.run(kernel, binding), index++),
    }
  })
}

/** The result of a call, or something else where it throws. */
export function lenient<Result>(call: () => Result, otherwise: Result): Result {
  try {
    return call()
  } catch {
    return otherwise
  }
}

/** An output of a run, as it lies in host-visible memory. */
export interface RunResult {
  /** The whole span. */
  readonly bytes: Uint8Array
  /** The tensor where it is float32, else empty. */
  readonly floats: Float32Array
  /** The tensor where it is int32, else empty. */
  readonly ints: Int32Array
  readonly shape: readonly number[]
  /** How many runs of the kernel came before. */
  readonly run: number
}

/** Changes every output as soon as a run has written it. */
export function withResults(change: (result: RunResult) => void): Break {
  return (backend) => {
    const outputs = new WeakMap<Binding, Map<string, Omit<RunResult, 'run'>>>()
    const runs = new WeakMap<Kernel, number>()
    const note = withBinding(({ set }, graph) => {
      const noted = new Map<string, Omit<RunResult, 'run'>>()
      return {
        set(this: Binding, name, span, shape) {
          set(name, span, shape)
          outputs.set(this, noted)
          const output = graph.outputs.find((value) => value.name === name)
          if (output === undefined) return
          const { buffer, byteOffset } = span.buffer.bytes!
          const [from, count] = [byteOffset + span.byteOffset, shape.reduce((product, size) => product * size, 1)]
          const isInt = output.dtype === 'int32'
          noted.set(name, {
            bytes: new Uint8Array(buffer, from, span.byteLength),
            floats: new Float32Array(buffer, from, isInt ? 0 : count),
            ints: new Int32Array(buffer, from, isInt ? count : 0),
            shape,
          })
        },
      }
    })
    const apply = withQueue((queue) => ({
      run: (kernel, binding) => {
        const event = queue.run(kernel, binding)
        event.onSettled(() => {
          const run = runs.get(kernel) ?? 0
          runs.set(kernel, run + 1)
          for (const result of outputs.get(binding)?.values() ?? []) change({ ...result, run })
        })
        return event
      },
    }))
    return { ...note(backend), ...apply(backend) }
  }
}

/** An event that settles some turns of the event loop after another one. */
export function late(event: QueueEvent, turns: number): QueueEvent {
  const result = new SettableEvent()
  const settle = (error: unknown, left: number): void =>
    void (left === 0
      ? result.settle(systemClock.now(), error)
      : setImmediate(() => {
          settle(error, left - 1)
        }))
  event.onSettled((error) => settle(error, turns))
  return result
}
