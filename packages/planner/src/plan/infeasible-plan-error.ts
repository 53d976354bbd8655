import { InfeasibleError } from '@flexgen/spec'
import type { InfeasiblePlan } from './plan-result.ts'

/** The error of a plan that does not fit (exit code 3), with the nearest changes that would as its hint. */
export function infeasiblePlanError({ reason, changes }: InfeasiblePlan): InfeasibleError {
  const hint =
    changes.length === 0
      ? 'take a smaller model or a shorter prompt'
      : `this would fit: ${changes.map(({ change }) => change).join('; or ')}`
  return new InfeasibleError(reason, { hint })
}
