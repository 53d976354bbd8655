import { UsageError } from '@flexgen/spec'
import { assertThere } from '@flexgen/backend-kit'
import { type ScratchBlock, scratchBlockBytes } from '../memory/scratch-pool.ts'
import type { KernelContext } from './kernel-context.ts'
import { KernelRunState } from './kernel-run-state.ts'
import type { OnnxBinding } from './onnx-binding.ts'
import type { RunPlan } from './plan-run.ts'
import type { Program } from './program.ts'
import type { StepBinding } from './run-state.ts'

/**
 * Runs the steps of a program, on this thread as long as they are short.
 * @throws {FlexgenError} `USAGE`, `OUT_OF_MEMORY`, or what ONNX Runtime reports
 */
export function executeRun(
  program: Program,
  binding: OnnxBinding,
  plan: RunPlan,
  context: KernelContext,
): void | Promise<void> {
  const { name } = program.info.graph
  if (binding.isRunning) throw new UsageError(`${name}: the binding is in use by a run of another queue`)
  for (const { lent, tensor } of plan.values.values()) assertThere(lent, tensor.bytes.byteLength, `${name}: a binding`)
  const { ledger, scratch } = context
  const need = { scratchBytes: scratchBlockBytes(plan.scratchBytes), arenaBytes: plan.layout.arenaBytes }
  ledger.enterRun(need, `a run of ${name}`)
  let block: ScratchBlock | undefined
  const finish = (): void => {
    binding.isRunning = false
    if (block !== undefined) scratch.give(block)
    ledger.leaveRun(need)
  }
  binding.isRunning = true
  let isLater = false
  try {
    block = scratch.take(plan.scratchBytes)
    if (binding.state?.plan !== plan || binding.state.block !== block)
      binding.state = new KernelRunState(program.info, plan, block)
    binding.state.widenWeights()
    binding.steps ??= program.steps.map((step) => step.createBinding())
    const running = runFrom(binding.steps, 0, binding.state, context)
    if (running === undefined) return
    isLater = true
    return running.finally(finish)
  } finally {
    if (!isLater) finish()
  }
}

/** Runs steps until one takes its time; the rest follows behind it. */
function runFrom(
  steps: readonly StepBinding[],
  first: number,
  state: KernelRunState,
  context: KernelContext,
): void | Promise<void> {
  for (let i = first; i < steps.length; i++) {
    const running = steps[i]!.run(state)
    if (running !== undefined) return runBehind(running, steps, i + 1, state, context)
  }
}

async function runBehind(
  running: Promise<void>,
  steps: readonly StepBinding[],
  next: number,
  state: KernelRunState,
  context: KernelContext,
): Promise<void> {
  await running
  context.budget.turned()
  await runFrom(steps, next, state, context)
}
