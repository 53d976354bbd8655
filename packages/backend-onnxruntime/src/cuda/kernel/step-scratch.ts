import { type DType, elementCount, type NodeOf, tensorBytes } from '@flexgen/spec'
import { tensorTypes } from '../../onnx/tensor-type.ts'
import type { GraphProduct } from '../graph/find-products.ts'
import type { CudaStepPlan } from '../graph/plan-steps.ts'
import { productWorkspaceBytes } from '../products/products.ts'
import type { CudaProgram } from './cuda-program.ts'
import { layOutScratch, type ScratchLayout, type ScratchPiece } from './scratch-layout.ts'

/** What a run looks like to its scratch. */
export interface StepRun {
  readonly batch: number
  readonly seq: number
  readonly cacheDtype: DType
  /** Whether all rows start anew. */
  readonly startsAnew: boolean
  /** Whether the fused form serves it. */
  readonly isFused: boolean
}

/** What tells runs of a program apart. */
export function runKey({ batch, seq, cacheDtype, startsAnew, isFused }: StepRun): string {
  return `${batch} ${seq} ${cacheDtype} ${startsAnew} ${isFused}`
}

/** Names of what lies in scratch beside values of the graph. */
export const scratchNames = {
  /** A 4-bit weight as plain values. */
  plain: (weight: string): string => `plain ${weight}`,
  /** New keys and values as the cache holds them. */
  keptKeys: (output: string): string => `kept keys ${output}`,
  keptValues: (output: string): string => `kept values ${output}`,
  /** What the fused attention of a prompt takes for its cache. */
  promptKeys: (output: string): string => `prompt keys ${output}`,
  promptValues: (output: string): string => `prompt values ${output}`,
  /** Workspace of a product. */
  workspace: (output: string): string => `workspace ${output}`,
} as const

/** Whether the fused operator attends in a step of its own: prompts need no cache but what they bring. */
export function attendsFused(
  program: CudaProgram,
  { inputs }: NodeOf<'Attention'>,
  { seq, startsAnew }: Pick<StepRun, 'seq' | 'startsAnew'>,
): boolean {
  return program.promptForm !== undefined && startsAnew && seq > 1 && new Set(inputs).size === 3
}

/** Where the steps of a run have their scratch. */
export function stepLayout(program: CudaProgram, run: StepRun): ScratchLayout {
  return program.layouts.get(runKey(run), () => {
    const plans = run.isFused ? program.fusedPlan! : program.plan
    const own = plans.flatMap((plan, step) => ownScratch(program, plan, step, run))
    return layOutScratch([...passedValues(program, plans, run), ...own])
  })
}

/** Values that pass from step to step. */
function passedValues(program: CudaProgram, plans: readonly CudaStepPlan[], run: StepRun): ScratchPiece[] {
  const shapes = program.shapesOf(run)
  return plans.flatMap((plan, firstStep) => {
    return plan.outputs
      .filter((name) => !program.borders.has(name))
      .map((name): ScratchPiece => {
        const lastStep = Math.max(
          firstStep,
          plans.findLastIndex(({ inputs }) => inputs.includes(name)),
        )
        const byteLength = tensorBytes(program.info.values.get(name)!.dtype, shapes.get(name)!)
        return { name, byteLength, firstStep, lastStep }
      })
  })
}

/** What one step needs for itself. */
function ownScratch(program: CudaProgram, plan: CudaStepPlan, step: number, run: StepRun): ScratchPiece[] {
  const valueBytes = tensorTypes[program.compute].bytes
  const piece = (name: string, count: number): ScratchPiece => ({
    name,
    byteLength: count * valueBytes,
    firstStep: step,
    lastStep: step,
  })
  if (plan.kind === 'dense' || plan.kind === 'product') {
    const plain = plan.packed.map((name) => piece(scratchNames.plain(name), program.info.values.get(name)!.count))
    return plan.kind === 'dense' ? plain : [...plain, productWorkspace(program, plan.product, step, run)]
  }
  if (plan.kind === 'own' || !attendsFused(program, plan.node, run)) return []
  const { inputs, outputs, attributes } = plan.node
  const [output] = outputs as [string]
  const { kvHeads, headDim } = attributes
  const { keptKeys, keptValues, promptKeys, promptValues } = scratchNames
  const readsTokens = program.promptForm === 'tokens'
  const kept = run.cacheDtype === program.compute && !readsTokens ? [] : [keptKeys, keptValues]
  const prompt = readsTokens ? [] : [promptKeys, promptValues]
  const count = elementCount(program.shapesOf(run).get(inputs[1]!)!)
  return [
    ...kept.map((nameOf) => piece(nameOf(output), count)),
    ...prompt.map((nameOf) => piece(nameOf(output), run.batch * kvHeads * run.seq * headDim)),
  ]
}

function productWorkspace(program: CudaProgram, product: GraphProduct, step: number, run: StepRun): ScratchPiece {
  const shapes = program.shapesOf(run)
  const counts = product.parts.map(({ output }) => elementCount(shapes.get(output)!))
  const byteLength = productWorkspaceBytes(Math.max(...counts))
  return { name: scratchNames.workspace(product.parts[0]!.output), byteLength, firstStep: step, lastStep: step }
}
