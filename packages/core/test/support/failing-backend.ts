import { type Backend, type Kernel, OutOfMemoryError } from '@flexgen/spec'

/** The calls of a backend that take memory. */
export const takingCalls = [
  'allocate',
  'allocateHost',
  'allocateCache',
  'viewCache',
  'compile',
  'prepare',
  'createBinding',
  'createQueue',
] as const

/** A call of a backend that takes memory. */
export type TakingCall = (typeof takingCalls)[number]

/** A backend whose n-th call of one kind fails as if memory had run out, and how often each kind was called. */
export interface FailingBackend {
  readonly backend: Backend
  readonly calls: Readonly<Record<TakingCall, number>>
  /** From now on the n-th call from here, counted from 1, fails. */
  failAt(call: TakingCall, nth: number): void
}

/** Wraps a backend; kernels stay its own, since it runs no others. */
export function createFailingBackend(inner: Backend): FailingBackend {
  const calls = Object.fromEntries(takingCalls.map((call) => [call, 0])) as Record<TakingCall, number>
  let failing: { readonly call: TakingCall; readonly at: number } | undefined
  const meet = (call: TakingCall): void => {
    calls[call]++
    if (failing?.call === call && calls[call] === failing.at) throw new OutOfMemoryError(`no memory for ${call}`)
  }
  const wrapKernel = <Made extends Kernel>(kernel: Made): Made => {
    const prepare = kernel.prepare.bind(kernel)
    const createBinding = kernel.createBinding.bind(kernel)
    return Object.assign(kernel, {
      prepare: async (...given: Parameters<Kernel['prepare']>) => {
        meet('prepare')
        return wrapKernel(await prepare(...given))
      },
      createBinding: () => {
        meet('createBinding')
        return createBinding()
      },
    })
  }
  const { viewCache } = inner
  return {
    calls,
    failAt: (call, nth) => {
      failing = { call, at: calls[call] + nth }
    },
    backend: {
      ...inner,
      allocate: (byteLength) => {
        meet('allocate')
        return inner.allocate(byteLength)
      },
      allocateHost: (byteLength) => {
        meet('allocateHost')
        return inner.allocateHost(byteLength)
      },
      allocateCache: (spec, rows) => {
        meet('allocateCache')
        return inner.allocateCache(spec, rows)
      },
      ...(viewCache && {
        viewCache: (pages, spec) => {
          meet('viewCache')
          return viewCache(pages, spec)
        },
      }),
      compile: async (graph) => {
        meet('compile')
        return wrapKernel(await inner.compile(graph))
      },
      createQueue: (name, trace) => {
        meet('createQueue')
        return inner.createQueue(name, trace)
      },
    },
  }
}
