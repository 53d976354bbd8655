import { type Backend, cachePageBytes, doneEvent, type QueueEvent } from '@flexgen/spec'
import { type Break, type Defect, late, lenient, withBinding, withQueue } from '../broken-backend.ts'

/** Events of failed operations end well. */
function forgiven(event: QueueEvent): QueueEvent {
  return event.error === undefined && event.isDone() ? event : { ...late(event, 0), error: undefined }
}

/** Takes whatever it is given: what cannot be done is not done. */
const refusesNothing: Break = (backend: Backend) => {
  const bindings = withBinding(({ set, setCache }) => ({
    set: (...values) => lenient(() => set(...values), undefined),
    setCache: (...values) => lenient(() => setCache(...values), undefined),
  }))(backend)
  const queues = withQueue((queue) => ({
    run: (...values) => lenient(() => forgiven(queue.run(...values)), doneEvent),
    copyIn: (...values) => lenient(() => forgiven(queue.copyIn(...values)), doneEvent),
    copyOut: (...values) => lenient(() => forgiven(queue.copyOut(...values)), doneEvent),
    copy: (...values) => lenient(() => forgiven(queue.copy(...values)), doneEvent),
    copyToCache: (...values) => lenient(() => forgiven(queue.copyToCache(...values)), doneEvent),
    copyFromCache: (...values) => lenient(() => forgiven(queue.copyFromCache(...values)), doneEvent),
  }))(backend)
  const nothing = { byteLength: 0 }
  return {
    ...queues,
    compile: async (graph) => {
      try {
        const kernel = await bindings.compile!(graph)
        const prepare = kernel.prepare.bind(kernel)
        return Object.assign(kernel, {
          prepare: async (...values: Parameters<typeof prepare>) => prepare(...values).catch(() => kernel),
        })
      } catch {
        return { graph } as Awaited<ReturnType<Backend['compile']>>
      }
    },
    viewCache: (pages, spec) =>
      lenient(() => backend.viewCache!(pages, spec), { spec, rowCount: pages.length, byteLength: 0 }),
    free: (...values) => lenient(() => backend.free(...values), undefined),
    allocate: (byteLength) => lenient(() => backend.allocate(byteLength), nothing),
    allocateHost: (byteLength) =>
      lenient(() => backend.allocateHost(byteLength), { byteLength: 0, bytes: new Uint8Array(0) }),
    allocateCache: (spec, rowCount) =>
      lenient(() => backend.allocateCache(spec, rowCount), { spec, rowCount, byteLength: cachePageBytes(spec, 1) }),
  }
}

/** Misuse that is not refused. */
export const refusing: readonly Defect[] = [
  [
    'nothing is refused',
    [
      'memory of nobody or of another backend is refused',
      'indices outside the table fail the run',
      'positions and lengths that do not fit fail the run',
      'a run that fails leaves memory as it was, and other queues and runs work on',
      ...[
        'an unknown name',
        'a weight of another shape',
        'a weight of another rank',
        'an input of another width',
        'an output of another batch',
        'an output of another length',
        'a dimension of zero',
        'a broken dimension',
        'a span that is too small',
        'a span beyond its buffer',
        'a span before its buffer',
      ].map((what) => `a binding with ${what} is refused`),
      'a binding that lacks an input or output is refused',
      'a binding of another kernel is refused',
      'weights that do not belong to the graph are not prepared',
      'graphs that cannot run are refused by compile',
      'copies outside their buffers, or of unequal lengths, are refused',
      'sizes that are no sizes are refused',
      'attention with rows that do not fit is refused',
      'cache copies outside the row or the page are refused',
      'caches of no size are refused',
      'kernels, bindings and caches of another backend are refused',
      'a prepared weight cannot be bound, and everything else still must',
      'views of pages that do not fit are refused, or the backend has no views',
    ],
    refusesNothing,
  ],
]
