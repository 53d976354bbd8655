import type { GraphValue } from '@flexgen/spec'
import { encodeDense } from '../graphs/encode-dense.ts'
import type { GraphInfo } from '../graphs/graph-info.ts'
import { type DensePlan, planGraph } from '../graphs/plan-graph.ts'
import type { WeightBlock } from '../operators/emit-context.ts'
import type { Tensor } from '../sessions/session.ts'
import { AttentionStep } from './attention-step.ts'
import { DenseStep } from './dense-step.ts'
import type { KernelContext } from './kernel-context.ts'
import { RunLayouts } from './run-layout.ts'
import type { Step } from './run-state.ts'

/** A graph as steps that can run, some of which may hold weights. */
export interface Program {
  readonly info: GraphInfo
  readonly steps: readonly Step[]
  /** Inputs and outputs that are bound, by name. */
  readonly borders: ReadonlyMap<string, GraphValue>
  /** Names of weights that the steps hold. */
  readonly held: ReadonlySet<string>
  /** Weights that are bound in blocks of rows. */
  readonly blocks: ReadonlyMap<string, readonly WeightBlock[]>
  readonly layouts: RunLayouts
  release(): void
}

/**
 * Makes the sessions of a graph.
 * @param weights those that the sessions are to hold
 * @throws {FlexgenError} with ONNX Runtime's message; then nothing is held
 */
export async function createProgram(
  context: KernelContext,
  info: GraphInfo,
  weights: ReadonlyMap<string, Tensor> = new Map(),
): Promise<Program> {
  const held = new Set(weights.keys())
  const steps: Step[] = []
  const blocks = new Map<string, readonly WeightBlock[]>()
  const release = (): void => {
    for (const step of steps) step.release()
  }
  try {
    for (const plan of planGraph(info.graph)) {
      if (plan.kind === 'attention') steps.push(new AttentionStep(context, plan))
      else {
        const step = await createDense(context, info, plan, weights)
        for (const input of step.model.inputs) if (input.blocks !== undefined) blocks.set(input.value, input.blocks)
        steps.push(step)
      }
    }
  } catch (error) {
    release()
    throw error
  }
  const bound = [...info.graph.inputs.filter(({ name }) => !held.has(name)), ...info.graph.outputs]
  const borders = new Map(bound.map((value) => [value.name, value]))
  return { info, steps, borders, held, blocks, layouts: new RunLayouts(info, steps), release }
}

async function createDense(
  context: KernelContext,
  info: GraphInfo,
  plan: DensePlan,
  weights: ReadonlyMap<string, Tensor>,
): Promise<DenseStep> {
  const { runtime } = context
  const held = new Set(weights.keys())
  const model = encodeDense(info, plan, { held, halfTensors: runtime.halfTensors })
  const tensors = new Map([...model.held].map((name) => [name, weights.get(name)!]))
  return new DenseStep(context, info, plan, model, await runtime.createSession(model.model, tensors))
}
