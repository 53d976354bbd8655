import type { Candidate } from '../cost-model.ts'
import { engineProblem } from '../engine/engine-problem.ts'
import { readWay } from '../engine/page-cache.ts'
import { realise } from '../engine/realise-candidate.ts'
import { layoutOfPercent } from '../engine/search-layouts.ts'
import { splitModel } from '../engine/split-model.ts'
import { createLayouts } from '../layout/layouts.ts'
import { checkRequest } from '../plan/check-request.ts'
import type { PlanRequest } from '../plan/plan-request.ts'
import type { Percent } from '../result/planned-policy.ts'

/** A run whose policy is known whole. */
export interface PredictRequest extends Omit<PlanRequest, 'fixed' | 'costModel' | 'allowCompression' | 'margin'> {
  readonly policy: {
    readonly percent: Percent
    readonly gpuBatchSize: number
    readonly numGpuBatches: number
    readonly hostAttentionPercent: number
  }
}

/** No capacity: a run that is under way has room, whatever is thought of it. */
const unbounded = 2 ** 52

/**
 * What is expected of a policy that was chosen already, whether or not the planner would have thought that it fits.
 * @throws {FlexgenError} `USAGE` for numbers that mean nothing, and what laying the model out fails with
 */
export async function predictPolicy(request: PredictRequest): Promise<Candidate> {
  const { policy, hardware, model } = request
  const { percent, gpuBatchSize, numGpuBatches } = policy
  const checked = checkRequest({
    ...request,
    costModel: 'engine',
    fixed: { percent, gpuBatchSize, numGpuBatches },
  })
  const hostAttention = policy.hostAttentionPercent > 0 && hardware.machine.device === 'gpu'
  const { compressWeight, compressCache } = checked
  const form = { compressWeight, compressCache, hostAttention }
  // In this form alone: a backend may count what kernels of another one leave behind as memory that all its kernels need.
  await using made = await createLayouts({ ...request.layout, model, hardware }, [form])
  const problem = { ...checked, layouts: { ...made, of: () => made.of(form) } }
  const limits = { device: unbounded, ram: unbounded, disk: unbounded }
  const engine = engineProblem(problem, limits, compressWeight, compressCache)!
  const split = { gpuBatchSize, numGpuBatches }
  const modeOf = (way: ReturnType<typeof readWay>) =>
    splitModel(engine, split, { hostAttention, hiddenOnDevice: percent[4] === 100, readWay: way })!
  const isAhead = problem.overlap
  const choice = { percent, hostAttentionPercent: policy.hostAttentionPercent, isAhead }
  const first = realise(layoutOfPercent(modeOf('buffered'), choice), limits).candidate
  const way = readWay(engine, first.bytes.disk.total, first.bytes.ram.total)
  // With budgets, the engine's ring and its totals follow them.
  const allowed = { ...limits, ...definedOf(request.capacity) }
  return realise(layoutOfPercent(modeOf(way), choice), allowed).candidate
}

function definedOf(capacity: PlanRequest['capacity']): { device?: number; ram?: number; disk?: number } {
  return Object.fromEntries(Object.entries(capacity ?? {}).filter(([, bytes]) => bytes !== undefined))
}
