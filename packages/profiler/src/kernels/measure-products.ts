import { type Backend, type DType, type Span, tensorBytes } from '@flexgen/spec'
import type { MatmulRate } from '@flexgen/planner'
import { timeRuns } from '../timing/time-runs.ts'
import type { MeasureEffort } from './measure-effort.ts'
import { Probe } from './probe.ts'
import { productGraph, productWeights } from './probe-graphs.ts'
import { type MemoryRoom, workingSetBytes } from './working-set.ts'

/** Products, and how fast their weights are read for one row: the speed of memory. */
export interface MeasuredProducts {
  readonly matmul: readonly MatmulRate[]
  readonly weightBytesPerSecond: number
}

/** Forms in which a matrix is measured: prepared and bound as halves, and in 4 bits where there are kernels for it. */
function formsOf(backend: Backend): { weights: MatmulRate['weights']; weightDtype: DType }[] {
  const { weightDtypes } = backend.capabilities
  const bound = (['float16', 'float32'] as const).filter((dtype) => weightDtypes.includes(dtype))
  const groups = (['q4g64c', 'q4g64'] as const).filter((dtype) => weightDtypes.includes(dtype)).slice(0, 1)
  return [
    { weights: 'prepared', weightDtype: bound[0] ?? 'float32' },
    ...bound.map((weightDtype) => ({ weights: 'bound' as const, weightDtype })),
    ...groups.map((weightDtype) => ({ weights: 'q4' as const, weightDtype })),
  ]
}

/** How often caches fit into the matrices that take turns. */
const cacheTimes = 4

/** Speeds of products by rows and form of the weights, with matrices that take turns so that no cache holds them. */
export async function measureProducts(
  backend: Backend,
  dtype: DType,
  { width, matrices, productsPerRun, rows, timing }: MeasureEffort,
  room: MemoryRoom,
): Promise<MeasuredProducts> {
  const matmul: MatmulRate[] = []
  let weightBytesPerSecond = 0
  for (const { weights, weightDtype } of formsOf(backend)) {
    await using probe = new Probe(backend)
    const graph = productGraph(width, dtype, weightDtype, productsPerRun)
    const kernel = await probe.compile(graph)
    const names = productWeights(productsPerRun)
    const isHeld = weights !== 'bound'
    const leastMatrices = workingSetBytes(room, 0, cacheTimes) / tensorBytes(weightDtype, [width, width])
    const runs = Math.max(1, Math.floor(matrices / productsPerRun), Math.ceil(leastMatrices / productsPerRun))
    const held: Awaited<ReturnType<Probe['prepare']>>[] = []
    const bound: ReadonlyMap<string, Span>[] = []
    for (let i = 0; i < runs; i++) {
      if (isHeld) {
        held.push(await probe.prepare(kernel, [...names, 'b']))
        continue
      }
      const spans = new Map<string, Span>()
      for (const name of names) {
        spans.set(name, await probe.allocate(weightDtype, tensorBytes(weightDtype, [width, width]), 'weight'))
      }
      bound.push(spans)
    }
    for (const count of rows) {
      probe.unbind()
      const shape = { batch: count, seq: 1 }
      for (let i = 0; i < runs; i++) {
        if (isHeld) await probe.bind(held[i]!.kernel, shape, new Map(), [...names, 'b'])
        else await probe.bind(kernel, shape, bound[i])
      }
      const { seconds, spread } = await timeRuns((times) => probe.run(times), timing)
      matmul.push({
        dtype,
        weights,
        ...(weights !== 'q4' && { weightDtype }),
        rows: count,
        flopsPerSecond: (2 * count * width * width * productsPerRun) / seconds,
        spread,
      })
      if (weights === 'prepared' && count === 1) weightBytesPerSecond = held[0]!.heldBytes / seconds
    }
  }
  return { matmul, weightBytesPerSecond }
}
