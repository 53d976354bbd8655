import { RunBinding } from '@flexgen/backend-kit'
import type { RunPlan } from './plan-run.ts'

/** What is bound for runs of one kernel; a class of its own, so that bindings of other backends are told apart. */
export class NativeBinding extends RunBinding<RunPlan> {}
