import { type DynamicDimensions, type GraphValue, inferShapes, type LayerGraph, type NodeOf } from '@flexgen/spec'
import { describeGraph, type GraphInfo } from '../../graphs/graph-info.ts'
import { planGraph, type StepPlan } from '../../graphs/plan-graph.ts'
import { isHalf, type TensorType } from '../../onnx/tensor-type.ts'
import type { CudaContext } from '../cuda-context.ts'
import { cudaCapabilities } from '../graph/cuda-capabilities.ts'
import { type CudaModel, encodeCudaModel } from '../graph/cuda-model.ts'
import type { CudaSession } from '../session/cuda-session.ts'

/** A model with its session. */
export interface CudaPart {
  readonly model: CudaModel
  readonly session: CudaSession
}

/** A step of the form that does everything: nodes between two attentions, or attention by our own kernels. */
export type CudaStep = { readonly kind: 'dense'; readonly part: CudaPart } | Extract<StepPlan, { kind: 'attention' }>

/** Most bytes of the constants of a session: a few numbers, each rounded up. */
const constantBytes = 1024

/** Most layouts that are kept; enough for the lengths of a generation. */
const mostShapes = 64

/** A graph as sessions, shared by kernels that hold different weights. */
export class CudaProgram {
  readonly info: GraphInfo
  readonly compute: TensorType
  /** Inputs and outputs, by name. */
  readonly borders: ReadonlyMap<string, GraphValue>
  readonly attentions: readonly NodeOf<'Attention'>[]
  /** Look-ups whose indices are bound. */
  readonly lookUps: readonly NodeOf<'Gather'>[]
  /** The whole graph as one session, where ONNX Runtime's fused attention takes it. */
  fused: CudaPart | undefined
  /** The form that does everything; made when first needed where there is a fused one. */
  steps: readonly CudaStep[] | undefined
  /** How the graph is cut for the form that does everything. */
  readonly plans: readonly StepPlan[]
  readonly #context: CudaContext
  readonly #shapes = new Map<string, ReadonlyMap<string, readonly number[]>>()
  #making: Promise<void> | undefined
  #uses = 0
  #isReleased = false

  private constructor(context: CudaContext, graph: LayerGraph) {
    this.#context = context
    this.info = describeGraph(graph, cudaCapabilities)
    this.compute = computeType(this.info)
    this.borders = new Map([...graph.inputs, ...graph.outputs].map((value) => [value.name, value]))
    this.plans = planGraph(graph)
    this.attentions = graph.nodes.filter((node) => node.operator === 'Attention')
    const bound = new Set(graph.inputs.map(({ name }) => name))
    this.lookUps = graph.nodes
      .filter((node) => node.operator === 'Gather')
      .filter(({ inputs }) => bound.has(inputs[1]!))
  }

  /** Compiles what every run needs. @throws {FlexgenError} `UNSUPPORTED_DATA`, or what ONNX Runtime reports */
  static async create(context: CudaContext, graph: LayerGraph): Promise<CudaProgram> {
    const program = new CudaProgram(context, graph)
    try {
      if (program.#isFusable()) program.fused = await program.#makeFused()
      else await program.makeSteps()
      return program
    } catch (error) {
      program.#end()
      throw error
    }
  }

  /** Bytes that sessions which are not made yet may keep: constants, such as shapes. */
  get comingBytes(): number {
    return this.steps === undefined ? this.plans.length * constantBytes : 0
  }

  /** Makes the steps, once. */
  makeSteps(): Promise<void> {
    this.#making ??= this.#makeSteps()
    return this.#making
  }

  /** Shapes of all values. */
  shapesOf(dimensions: DynamicDimensions): ReadonlyMap<string, readonly number[]> {
    const key = `${dimensions.batch} ${dimensions.seq}`
    let shapes = this.#shapes.get(key)
    if (shapes === undefined) {
      shapes = inferShapes(this.info.graph, dimensions)
      if (this.#shapes.size >= mostShapes) this.#shapes.clear()
      this.#shapes.set(key, shapes)
    }
    return shapes
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
    this.fused?.session.release()
    for (const step of this.steps ?? []) if (step.kind === 'dense') step.part.session.release()
    this.steps = undefined
    this.fused = undefined
  }

  /** GroupQueryAttention computes in half precision on CUDA, on heads of a multiple of 8 up to 256. */
  #isFusable(): boolean {
    const types = this.#context.fusedTypes
    const fits = ({ attributes }: NodeOf<'Attention'>): boolean =>
      attributes.sparsity === 1 && attributes.headDim % 8 === 0 && attributes.headDim <= 256
    const caches = new Set(this.attentions.map(({ attributes }) => attributes.cache))
    return (
      this.attentions.length > 0 &&
      caches.size === this.attentions.length &&
      types.includes(this.compute) &&
      this.attentions.every(fits)
    )
  }

  async #makeFused(): Promise<CudaPart> {
    const { graph } = this.info
    const read = new Set(graph.nodes.flatMap(({ inputs }) => inputs))
    const inputs = graph.inputs.map(({ name }) => name).filter((name) => read.has(name) || name === 'lengths')
    return this.#makePart({ nodes: graph.nodes, inputs, outputs: graph.outputs.map(({ name }) => name) })
  }

  async #makeSteps(): Promise<void> {
    const steps: CudaStep[] = []
    try {
      for (const plan of this.plans) {
        steps.push(plan.kind === 'attention' ? plan : { kind: 'dense', part: await this.#makePart(plan) })
      }
    } catch (error) {
      for (const step of steps) if (step.kind === 'dense') step.part.session.release()
      throw error
    }
    this.steps = steps
    if (this.#isReleased) this.#end()
  }

  async #makePart(part: Parameters<typeof encodeCudaModel>[1]): Promise<CudaPart> {
    const model = encodeCudaModel(this.info, part, this.compute)
    return { model, session: await this.#context.sessions.create(model.model) }
  }
}

/** The type of activations: of anything that is neither weight nor indices. */
function computeType({ values }: GraphInfo): TensorType {
  const value = [...values.values()].find(({ type, isWeight }) => !isWeight && (type === 'float32' || isHalf(type)))
  return value?.type ?? 'float32'
}
