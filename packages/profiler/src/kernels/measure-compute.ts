import type { ComputeRates } from '@flexgen/planner'
import { type Backend, type DType, q4Group } from '@flexgen/spec'
import { timeRuns } from '../timing/time-runs.ts'
import type { MeasureEffort } from './measure-effort.ts'
import { measureAttention } from './measure-attention.ts'
import { measureProducts } from './measure-products.ts'
import { Probe, type ProbeShape } from './probe.ts'
import { elementwiseGraph, smallLayerGraph } from './probe-graphs.ts'
import type { MemoryRoom } from './working-set.ts'

/** What a backend computes at, and how fast it reads weights. */
export interface MeasuredCompute {
  readonly rates: ComputeRates
  readonly weightBytesPerSecond: number
}

/** Width at which a layer costs its call alone. */
const smallWidth = 64

/** Measures a backend through its contract: products, attention, what stands around them, and what a call costs. */
export async function measureCompute(
  backend: Backend,
  effort: MeasureEffort,
  room: MemoryRoom,
): Promise<MeasuredCompute> {
  const { computeDtypes, cacheDtypes } = backend.capabilities
  // A checkpoint of halves is computed in halves where the backend can.
  const dtype: DType = computeDtypes.includes('float16') ? 'float16' : computeDtypes[0]!
  const stageSeconds = await timeOf(backend, effort, smallLayerGraph(smallWidth, dtype), { batch: 1, seq: 1 })
  const { elementwiseTokens } = effort
  const width = effort.heads * effort.headDim
  const shape = { batch: 1, seq: elementwiseTokens }
  const elementwise = await timeOf(backend, effort, elementwiseGraph(width, dtype), shape)
  const { matmul, weightBytesPerSecond } = await measureProducts(backend, dtype, effort, room)
  const cached = [dtype, ...(cacheDtypes.includes('q4g64') ? (['q4g64'] as const) : [])]
  const attention = await measureAttention(backend, dtype, cached, effort, stageSeconds, room)
  const wide = matmul.find(({ weights, rows }) => weights === 'prepared' && rows === effort.rows[0])!
  return {
    weightBytesPerSecond,
    rates: {
      backend: backend.name,
      matmul,
      decodeAttention: attention.decodeAttention,
      prefillAttention: attention.prefillAttention,
      // Where there are 4-bit kernels they were measured; widening is what they are not faster than.
      dequantizeBytesPerSecond: (wide.flopsPerSecond / 2) * (q4Group.bytes / q4Group.values),
      quantizeBytesPerSecond: (wide.flopsPerSecond / 4) * (q4Group.bytes / q4Group.values),
      stageSeconds,
      attentionRowSeconds: attention.attentionRowSeconds,
      elementwiseSeconds: Math.max(0, elementwise - stageSeconds) / (elementwiseTokens * width),
    },
  }
}

async function timeOf(
  backend: Backend,
  { timing }: MeasureEffort,
  graph: Parameters<Probe['compile']>[0],
  shape: ProbeShape,
): Promise<number> {
  await using probe = new Probe(backend)
  await probe.bind(await probe.compile(graph), shape)
  return (await timeRuns((runs) => probe.run(runs), timing)).seconds
}
