import { type Backend, type DType, tensorBytes } from '@flexgen/spec'
import type { MatmulRate } from '@flexgen/planner'
import { timeRuns } from '../timing/time-runs.ts'
import type { MeasureEffort } from './measure-effort.ts'
import { Probe } from './probe.ts'
import { productGraph } from './probe-graphs.ts'

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

/** Speeds of products by rows and form of the weights, with matrices that take turns so that no cache holds them. */
export async function measureProducts(
  backend: Backend,
  dtype: DType,
  { width, matrices, rows, timing }: MeasureEffort,
): Promise<MeasuredProducts> {
  const matmul: MatmulRate[] = []
  let weightBytesPerSecond = 0
  for (const { weights, weightDtype } of formsOf(backend)) {
    await using probe = new Probe(backend)
    const kernel = await probe.compile(productGraph(width, dtype, weightDtype))
    const isHeld = weights !== 'bound'
    const held: Awaited<ReturnType<Probe['prepare']>>[] = []
    const bound: Awaited<ReturnType<Probe['allocate']>>[] = []
    for (let i = 0; i < matrices; i++) {
      if (isHeld) held.push(await probe.prepare(kernel, ['w', 'b']))
      else bound.push(await probe.allocate(weightDtype, tensorBytes(weightDtype, [width, width])))
    }
    for (const count of rows) {
      probe.unbind()
      const shape = { batch: count, seq: 1 }
      for (let i = 0; i < matrices; i++) {
        if (isHeld) await probe.bind(held[i]!.kernel, shape, new Map(), ['w', 'b'])
        else await probe.bind(kernel, shape, new Map([['w', bound[i]!]]))
      }
      const { seconds, spread } = await timeRuns((runs) => probe.run(runs), timing)
      matmul.push({
        dtype,
        weights,
        ...(weights !== 'q4' && { weightDtype }),
        rows: count,
        flopsPerSecond: (2 * count * width * width) / seconds,
        spread,
      })
      if (weights === 'prepared' && count === 1) weightBytesPerSecond = held[0]!.heldBytes / seconds
    }
  }
  return { matmul, weightBytesPerSecond }
}
