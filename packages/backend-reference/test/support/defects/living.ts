import type { Binding, Span } from '@flexgen/spec'
import { type Break, type Defect, lenient, withBinding, withKernel } from '../broken-backend.ts'

/** A prepared kernel that reads its weights where they lay, whenever it runs. */
const preparesLate: Break = (backend) => ({
  compile: async (graph) =>
    Object.assign(await backend.compile(graph), {
      prepare: async (weights: ReadonlyMap<string, Span>) => {
        const kernel = await backend.compile(graph)
        const createBinding = kernel.createBinding.bind(kernel)
        return Object.assign(kernel, {
          heldBytes: 0,
          createBinding: () => {
            const binding = createBinding()
            for (const [name, span] of weights)
              binding.set(name, span, graph.inputs.find((input) => input.name === name)!.shape as number[])
            return binding
          },
        })
      },
    }),
})

/** Lifetimes. */
export const living: readonly Defect[] = [
  ['prepared weights are read late', ['prepared weights need their spans no longer'], preparesLate],
  [
    'bindings and kernels live for ever',
    ['a released binding and a disposed kernel are refused'],
    (backend) => ({
      ...withBinding(() => ({ release: () => {} }))(backend),
      ...withKernel(() => ({ [Symbol.asyncDispose]: async () => {} }))(backend),
    }),
  ],
  [
    'all bindings of a kernel are one',
    ['bindings of one kernel run side by side on queues of their own'],
    withKernel(({ createBinding }) => {
      let binding: Binding | undefined
      return { createBinding: () => (binding ??= createBinding()) }
    }),
  ],
  [
    'prepared kernels die with the kernel that they came from',
    ['a prepared kernel outlives the kernel that it came from'],
    withKernel((kernel) => {
      const made: AsyncDisposable[] = []
      return {
        prepare: async (weights) => {
          const prepared = await kernel.prepare(weights)
          made.push(prepared)
          return prepared
        },
        [Symbol.asyncDispose]: async () => {
          await Promise.all([...made, kernel].map((each) => each[Symbol.asyncDispose]()))
        },
      }
    }),
  ],
  [
    'dispose does nothing',
    [
      'dispose frees everything, also what is cancelled, and may be called twice',
      'dispose waits for graphs that are being compiled and prepared',
      'a disposed backend refuses work',
    ],
    () => ({ [Symbol.asyncDispose]: async () => {} }),
  ],
  [
    'bindings in use are changed in silence',
    ['a binding stays as it is until its runs have ended'],
    withBinding(({ set, release }) => ({
      set: (...values) => lenient(() => set(...values), undefined),
      release: () => lenient(release, undefined),
    })),
  ],
]
