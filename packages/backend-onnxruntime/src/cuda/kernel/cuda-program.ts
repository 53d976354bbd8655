import { type DynamicDimensions, type GraphValue, inferShapes, type LayerGraph, type NodeOf } from '@flexgen/spec'
import { describeGraph, type GraphInfo } from '../../graphs/graph-info.ts'
import type { GraphPiece } from '../../graphs/plan-graph.ts'
import type { CudaContext } from '../cuda-context.ts'
import { cudaCapabilities } from '../graph/cuda-capabilities.ts'
import { type CudaModel, encodeCudaModel, type PromptForm } from '../graph/cuda-model.ts'
import { type CudaStepPlan, planSteps } from '../graph/plan-steps.ts'
import type { CudaSession } from '../session/cuda-session.ts'
import type { WorkspaceNeed } from '../../memory/memory-ledger.ts'
import { BoundedMemo } from './bounded-memo.ts'
import { neededModules } from './needed-modules.ts'
import type { KnownFacts } from './run-facts.ts'
import type { ScratchLayout } from './scratch-layout.ts'

/** A model with its session. */
export interface CudaPart {
  readonly model: CudaModel
  readonly session: CudaSession
}

/** A step with its session: attention has one where ONNX Runtime's fused operator takes prompts. */
export type CudaStep = CudaStepPlan & { readonly part: CudaPart | undefined }

/** A graph as sessions, shared by kernels that hold different weights. */
export class CudaProgram {
  readonly info: GraphInfo
  readonly compute: GraphInfo['compute']
  /** Inputs and outputs, by name. */
  readonly borders: ReadonlyMap<string, GraphValue>
  readonly attentions: readonly NodeOf<'Attention'>[]
  /** Look-ups whose indices are bound. */
  readonly lookUps: readonly NodeOf<'Gather'>[]
  /** How ONNX Runtime's fused attention takes prompts, which need no cache; undefined where it does not. */
  readonly promptForm: PromptForm | undefined
  /** How the graph is cut where ONNX Runtime's fused attention takes prompts and decode steps; undefined where it does not. */
  readonly fusedPlan: readonly CudaStepPlan[] | undefined
  /** How it is cut for the form that does everything. */
  readonly plan: readonly CudaStepPlan[]
  fused: readonly CudaStep[] | undefined
  /** The form that does everything; made when first needed where there is a fused one. */
  steps: readonly CudaStep[] | undefined
  readonly #context: CudaContext
  /** What the last run was told. */
  lastFacts: KnownFacts | undefined
  /** Layouts of scratch, and needs of workspace, by form and how it runs. */
  readonly layouts: BoundedMemo<ScratchLayout> = new BoundedMemo()
  readonly needs: BoundedMemo<WorkspaceNeed> = new BoundedMemo()
  readonly #shapes = new BoundedMemo<ReadonlyMap<string, readonly number[]>>()
  #making: Promise<void> | undefined
  #uses = 0
  #isReleased = false

  private constructor(context: CudaContext, graph: LayerGraph) {
    this.#context = context
    this.info = describeGraph(graph, cudaCapabilities)
    this.compute = this.info.compute
    this.borders = new Map([...graph.inputs, ...graph.outputs].map((value) => [value.name, value]))
    this.attentions = graph.nodes.filter((node) => node.operator === 'Attention')
    const bound = new Set(graph.inputs.map(({ name }) => name))
    this.lookUps = graph.nodes
      .filter((node) => node.operator === 'Gather')
      .filter(({ inputs }) => bound.has(inputs[1]!))
    this.plan = planSteps(this.info, false)
    const fitsFused = this.#fitsFused()
    this.promptForm = fitsFused ? this.#promptForm() : undefined
    this.fusedPlan = this.promptForm === 'cache' && this.#isFusable() ? planSteps(this.info, true) : undefined
  }

  /** Compiles what every run needs. @throws {FlexgenError} `UNSUPPORTED_DATA`, or what ONNX Runtime reports */
  static async create(context: CudaContext, graph: LayerGraph): Promise<CudaProgram> {
    const program = new CudaProgram(context, graph)
    try {
      context.deviceKernels.load(neededModules(program.plan))
      // What the fused form serves needs no other, and most graphs that have it never do.
      if (program.fusedPlan !== undefined) program.fused = await program.#make(program.fusedPlan)
      else await program.makeSteps()
      return program
    } catch (error) {
      program.#end()
      throw error
    }
  }

  /** Makes the steps, once. */
  makeSteps(): Promise<void> {
    this.#making ??= this.#makeSteps()
    return this.#making
  }

  /** Shapes of all values. */
  shapesOf(dimensions: DynamicDimensions): ReadonlyMap<string, readonly number[]> {
    const { batch, seq } = dimensions
    return this.#shapes.get(`${batch} ${seq}`, () => inferShapes(this.info.graph, dimensions))
  }

  /** Keeps it until `release` is called as often. */
  retain(): void {
    this.#uses++
  }

  release(): void {
    if (--this.#uses > 0) return
    this.#end()
  }

  #end(): void {
    this.#isReleased = true
    for (const steps of [this.fused, this.steps]) releaseSteps(steps ?? [])
    this.steps = undefined
    this.fused = undefined
  }

  /** GroupQueryAttention computes in half precision on CUDA, on heads of a multiple of 8 up to 256. */
  #fitsFused(): boolean {
    return (
      this.#context.fusedTypes.includes(this.compute) &&
      this.attentions.every(({ attributes: { headDim } }) => headDim % 8 === 0 && headDim <= 256)
    )
  }

  /** MultiHeadAttention has the heads of keys and values that queries have. */
  #promptForm(): PromptForm {
    const hasAllHeads = this.attentions.every(({ attributes: { heads, kvHeads } }) => heads === kvHeads)
    return hasAllHeads && this.#context.promptTypes.includes(this.compute) ? 'tokens' : 'cache'
  }

  /**
   * Whether the fused operator serves whole runs: it attends to everything, and each cache is one node's. Where prompts need no cache,
   * decode steps take our own kernel, which is about as fast on an H100 and begun sooner (decision 6).
   */
  #isFusable(): boolean {
    const caches = new Set(this.attentions.map(({ attributes }) => attributes.cache))
    return (
      this.attentions.length > 0 &&
      caches.size === this.attentions.length &&
      this.attentions.every(({ attributes }) => attributes.sparsity === 1)
    )
  }

  async #makeSteps(): Promise<void> {
    this.steps = await this.#make(this.plan)
    if (this.#isReleased) this.#end()
  }

  async #make(plans: readonly CudaStepPlan[]): Promise<CudaStep[]> {
    const steps: CudaStep[] = []
    try {
      for (const plan of plans) {
        const part = this.#partOf(plan)
        steps.push({ ...plan, part: part && (await this.#makePart(part, plan.kind === 'attention')) })
      }
      return steps
    } catch (error) {
      releaseSteps(steps)
      throw error
    }
  }

  #partOf(plan: CudaStepPlan): GraphPiece | undefined {
    if (plan.kind === 'dense') return plan
    if (plan.kind !== 'attention' || this.promptForm === undefined) return undefined
    return this.promptForm === 'tokens' ? plan : { ...plan, inputs: [...plan.inputs, 'lengths'] }
  }

  async #makePart(part: GraphPiece, isPrompt: boolean): Promise<CudaPart> {
    const model = encodeCudaModel(this.info, part, this.compute, isPrompt ? this.promptForm : 'cache')
    return { model, session: await this.#context.sessions.create(model.model) }
  }
}

function releaseSteps(steps: readonly CudaStep[]): void {
  for (const { part } of steps) part?.session.release()
}
