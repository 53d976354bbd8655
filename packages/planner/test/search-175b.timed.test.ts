import { expect, it } from 'vitest'
import { createCostModel, namedProfile, type PlanRequest } from '../src/index.ts'
import { checkRequest } from '../src/plan/check-request.ts'
import { layoutsOf } from '../src/plan/plan.ts'
import { optModel } from './support/opt-model.ts'

it('finds a policy for OPT-175B on a T4 within 2 s', async () => {
  const gib = 2 ** 30
  const request: PlanRequest = {
    model: optModel('opt-175b'),
    hardware: namedProfile('flexgen-t4')!,
    costModel: 'engine',
    promptTokens: 512,
    newTokens: 32,
    capacity: { device: 16 * gib, ram: 200 * gib, disk: 1500 * gib },
    isWithoutAdvice: true,
  }
  const costModel = await createCostModel('engine')
  const startedAtMs = performance.now()
  const problem = checkRequest(request)
  await using layouts = await layoutsOf(request, problem)
  const answer = costModel.plan({ ...problem, layouts })
  expect(answer.feasible).toBe(true)
  expect(performance.now() - startedAtMs).toBeLessThan(2000)
})
