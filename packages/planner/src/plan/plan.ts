import { createEngineCostModel } from '../engine/engine-cost-model.ts'
import { type CostModel, type CostModelAnswer, type CostModelName } from '../cost-model.ts'
import { createFlexgenCostModel } from '../flexgen/flexgen-cost-model.ts'
import { createLayouts, type Layouts, type RunForm } from '../layout/layouts.ts'
import { createLinearSolver } from '../lp/create-linear-solver.ts'
import type { PlanningProblem } from '../problem/planning-problem.ts'
import { formatBytes } from '../text/format-amounts.ts'
import { checkRequest } from './check-request.ts'
import { nearestChanges } from './nearest-changes.ts'
import type { PlanRequest } from './plan-request.ts'
import type { FeasiblePlan, InfeasiblePlan, JobPrediction, PlanResult, PlanSubject } from './plan-result.ts'
import { listWhatIfs, tierTitles } from './what-if.ts'

/** A cost model by its name; loads the linear solver. */
export async function createCostModel(name: CostModelName): Promise<CostModel> {
  const solver = await createLinearSolver()
  return name === 'flexgen' ? createFlexgenCostModel(solver) : createEngineCostModel(solver)
}

/**
 * Plans a run: what fits, how fast it will be, what binds and what would help. Pure but for loading the solver: nothing
 * is read or measured.
 * @throws {FlexgenError} `USAGE` or `PROMPT_TOO_LONG` for a request that means nothing; what does not fit is a result
 */
export async function plan(request: PlanRequest): Promise<PlanResult> {
  const checked = checkRequest(request)
  const costModel = await createCostModel(request.costModel)
  await using layouts = request.costModel === 'engine' ? await layoutsOf(request, checked) : undefined
  const problem = { ...checked, layouts }
  const answer = costModel.plan(problem)
  const subject = describeSubject(problem, request.costModel)
  return answer.feasible
    ? describeFeasible(costModel, problem, subject, answer, request.isWithoutAdvice ?? false)
    : describeInfeasible(costModel, problem, subject, answer)
}

/** The forms that a plan and its what-ifs look at. */
export function layoutsOf(request: PlanRequest, problem: PlanningProblem): Promise<Layouts> {
  const isGpu = problem.hardware.machine.device === 'gpu'
  const either = [false, true]
  const forms = either.flatMap((compressWeight) =>
    either.flatMap((compressCache) =>
      (isGpu ? either : [false]).map((hostAttention) => ({ compressWeight, compressCache, hostAttention })),
    ),
  )
  const needsOthers = request.isWithoutAdvice !== true || problem.allowCompression
  const isAsked = (form: RunForm): boolean =>
    (needsOthers || (form.compressWeight === problem.compressWeight && form.compressCache === problem.compressCache)) &&
    (form.compressWeight || !problem.compressWeight) &&
    (form.compressCache || !problem.compressCache)
  return createLayouts({ ...request.layout, model: problem.model, hardware: problem.hardware }, forms.filter(isAsked))
}

function describeSubject(problem: PlanningProblem, costModel: CostModelName): PlanSubject {
  const { promptTokens, newTokens, numPrompts } = problem
  return {
    schemaVersion: 1,
    costModel,
    model: problem.model.name,
    hardware: problem.hardware.name,
    workload: { promptTokens, newTokens, ...(numPrompts === undefined ? {} : { numPrompts }) },
  }
}

function describeFeasible(
  costModel: CostModel,
  problem: PlanningProblem,
  subject: PlanSubject,
  answer: Extract<CostModelAnswer, { feasible: true }>,
  isWithoutAdvice: boolean,
): FeasiblePlan {
  const { best, runnerUp, alternatives } = answer
  return {
    ...subject,
    feasible: true,
    ...best,
    ...(problem.numPrompts === undefined ? {} : { job: predictJob(costModel, problem, best, problem.numPrompts) }),
    ...(runnerUp === undefined ? {} : { runnerUp }),
    alternatives: alternatives.map(({ policy: { percent, percentExact }, bytes, predicted }) => ({
      percent,
      percentExact,
      bytes,
      predicted,
    })),
    whatIf: isWithoutAdvice ? [] : listWhatIfs(costModel, problem, best),
  }
}

function predictJob(
  costModel: CostModel,
  problem: PlanningProblem,
  { policy, predicted }: Extract<CostModelAnswer, { feasible: true }>['best'],
  numPrompts: number,
): JobPrediction {
  const block = policy.gpuBatchSize * policy.numGpuBatches
  const whole = Math.floor(numPrompts / block)
  const rest = numPrompts % block
  const restSeconds = rest === 0 ? 0 : costModel.blockSeconds(problem, policy, rest)
  return { blocks: Math.ceil(numPrompts / block), totalSeconds: whole * predicted.totalSeconds + restSeconds }
}

function describeInfeasible(
  costModel: CostModel,
  problem: PlanningProblem,
  subject: PlanSubject,
  answer: Extract<CostModelAnswer, { feasible: false }>,
): InfeasiblePlan {
  const { gpuBatchSize = 1, numGpuBatches = 1 } = problem.fixed
  const sequences = gpuBatchSize * numGpuBatches
  const missing = answer.lacks.map(
    ({ tier, bytes }) => `${formatBytes(bytes)} of ${tierTitles[tier]} (${formatBytes(problem.capacity[tier])} given)`,
  )
  const what = sequences === 1 ? 'one sequence' : `${gpuBatchSize} x ${numGpuBatches} sequences`
  const lacking = missing.length === 0 ? 'do not fit' : `${sequences === 1 ? 'lacks' : 'lack'} ${missing.join(' and ')}`
  return {
    ...subject,
    feasible: false,
    reason: `${problem.model.name} with ${what} of ${problem.promptTokens} + ${problem.newTokens} tokens ${lacking}`,
    capacity: problem.capacity,
    lacks: answer.lacks,
    changes: nearestChanges(costModel, problem, answer),
  }
}
