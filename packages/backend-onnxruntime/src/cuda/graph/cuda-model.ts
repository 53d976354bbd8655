import { elementCount, type GraphNode, type NodeOf } from '@flexgen/spec'
import type { GraphInfo } from '../../graphs/graph-info.ts'
import type { GraphPiece } from '../../graphs/plan-graph.ts'
import { microsoftDomain, OnnxBuilder } from '../../onnx/onnx-builder.ts'
import { type TensorType, tensorTypes } from '../../onnx/tensor-type.ts'
import type { EmitContext } from '../../operators/emit-context.ts'
import { emitNode } from '../../operators/emit-node.ts'

/** Names of inputs that a kernel makes by itself. */
export const inputNames = {
  /** Index of the last valid token of each row, int32 on the device. */
  lastRows: '#lastRows',
  /** Most positions of a row, an int32 in host memory. */
  total: '#total',
  /** `[batch, seq, width]` in host memory, by width. */
  shape: (width: number): string => `#shape:${width}`,
  pastKeys: (cache: string): string => `${cache}#pastKeys`,
  pastValues: (cache: string): string => `${cache}#pastValues`,
  presentKeys: (cache: string): string => `${cache}#presentKeys`,
  presentValues: (cache: string): string => `${cache}#presentValues`,
} as const

/** An ONNX graph for the device and what it binds beside its inputs and outputs. */
export interface CudaModel {
  readonly model: Uint8Array
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly readsLastRows: boolean
  /** Widths of the shapes that it reads. */
  readonly shapeWidths: readonly number[]
  readonly attentions: readonly NodeOf<'Attention'>[]
}

/**
 * How ONNX Runtime's fused attention takes a prompt: `cache`, GroupQueryAttention on what stands in for a cache; `tokens`,
 * MultiHeadAttention on the keys and values as they come (0.20 instead of 1.16 ms for 32 x 512 tokens of OPT-6.7B on an
 * H100).
 */
export type PromptForm = 'cache' | 'tokens'

/**
 * Writes a part of a graph as an ONNX model: weights stay inputs as the checkpoint has them. Attention is
 * GroupQueryAttention, whose past and present are bound to the same memory, or takes a prompt as `form` says.
 */
export function encodeCudaModel(
  info: GraphInfo,
  part: GraphPiece,
  compute: TensorType,
  form: PromptForm = 'cache',
): CudaModel {
  const builder = new OnnxBuilder(info.graph.name)
  for (const name of part.inputs) {
    const { type, shape } = info.values.get(name)!
    builder.input(name, type, shape)
  }
  const context = new CudaEmitContext(builder, info, compute)
  for (const node of part.nodes) {
    if (node.operator === 'Attention' && form === 'tokens') context.emitPrompt(node)
    else if (node.operator === 'Attention') context.emitAttention(node)
    else context.emit(context.narrowed(node))
  }
  context.widenOutputs(part.nodes)
  for (const name of part.outputs) {
    const { type, shape } = info.values.get(name)!
    builder.output(name, type, shape)
  }
  const { readsLastRows, attentions, shapeWidths } = context
  const { inputs, outputs } = part
  return { model: builder.encode(), inputs, outputs, readsLastRows, shapeWidths: [...shapeWidths], attentions }
}

const narrowSuffix = '#narrow'

class CudaEmitContext implements EmitContext {
  readonly builder: OnnxBuilder
  readonly compute: TensorType
  readonly attentions: NodeOf<'Attention'>[] = []
  readonly shapeWidths = new Set<number>()
  readsLastRows = false
  readonly #info: GraphInfo
  readonly #cast = new Map<string, string>()
  #lastIndex: string | undefined

  constructor(builder: OnnxBuilder, info: GraphInfo, compute: TensorType) {
    this.builder = builder
    this.#info = info
    this.compute = compute
  }

  readonly width = (name: string): number => this.#info.values.get(name.replace(narrowSuffix, ''))!.width

  readonly isHalf = (name: string): boolean => {
    const value = this.#info.values.get(name)
    return value !== undefined && value.isWeight && value.type !== this.compute
  }

  /** The node with every value that becomes a float32 output under the name of its narrow form. */
  narrowed(node: GraphNode): GraphNode {
    const rename = (name: string): string => (this.#isWidened(name) ? `${name}${narrowSuffix}` : name)
    return { ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) }
  }

  /**
   * Casts the narrow forms to the outputs that ask for float32. They were rounded to the half dtype before: no operator
   * multiplies halves to float32, and a vocabulary of 50272 x 4096 widened first would take 0.8 GB (see the README).
   */
  widenOutputs(nodes: readonly GraphNode[]): void {
    for (const name of nodes.flatMap(({ outputs }) => outputs))
      if (this.#isWidened(name)) this.#castTo(`${name}${narrowSuffix}`, 'float32', [name])
  }

  #isWidened(name: string): boolean {
    const value = this.#info.values.get(name)
    return value !== undefined && !value.isWeight && value.type === 'float32' && this.compute !== 'float32'
  }

  readonly float = (name: string): string => {
    if (!this.isHalf(name)) return name
    let cast = this.#cast.get(name)
    if (cast === undefined) {
      cast = this.#castTo(name, this.compute)
      this.#cast.set(name, cast)
    }
    return cast
  }

  readonly blocks = (): undefined => undefined

  readonly lastRows = (): string => {
    if (!this.readsLastRows) this.builder.input(inputNames.lastRows, 'int32', ['rows'])
    this.readsLastRows = true
    return inputNames.lastRows
  }

  /** Writes a node; those that lose digits in half precision are computed in float32. */
  emit(node: GraphNode): void {
    if (node.operator === 'RMSNormalization') {
      this.builder.nodes('SimplifiedLayerNormalization', node.inputs.map(this.float), {
        attributes: { axis: -1, epsilon: { float: node.attributes.epsilon } },
        outputs: node.outputs,
      })
      return
    }
    const isWide = node.operator === 'Softmax' || node.operator === 'Gelu' || node.operator === 'Silu'
    if (!isWide || this.compute === 'float32') {
      emitNode(node, this)
      return
    }
    const wide = { ...node, inputs: [this.#castTo(node.inputs[0]!, 'float32')], outputs: [`${node.outputs[0]!}#wide`] }
    const { builder, width, blocks, lastRows } = this
    emitNode(wide, {
      builder,
      width,
      blocks,
      lastRows,
      compute: 'float32',
      float: (name) => name,
      isHalf: () => false,
    })
    this.#castTo(wide.outputs[0]!, this.compute, node.outputs)
  }

  /** Each token attends to itself and those before it. */
  emitPrompt({ inputs, outputs, attributes }: NodeOf<'Attention'>): void {
    const { builder } = this
    const { heads, headDim, scale } = attributes
    const tokens = inputs.map((name) => this.#reshape(name))
    const attended = builder.node('MultiHeadAttention', tokens, {
      domain: microsoftDomain,
      attributes: { num_heads: heads, unidirectional: 1, scale: { float: scale } },
    })
    builder.nodes('Reshape', [attended, builder.shape(-1, heads * headDim)], { outputs })
  }

  /** Attention of the three inputs, with the cache. */
  emitAttention(node: NodeOf<'Attention'>): void {
    const { builder } = this
    const { cache, heads, kvHeads, headDim, scale } = node.attributes
    const kvShape = ['batch', kvHeads, 'room', headDim]
    const past = [inputNames.pastKeys(cache), inputNames.pastValues(cache)]
    for (const name of past) builder.input(name, this.compute, kvShape)
    if (this.attentions.length === 0) builder.input(inputNames.total, 'int32', [1])
    this.attentions.push(node)
    const [query, key, value] = node.inputs.map((name) => this.#reshape(name))
    const present = [inputNames.presentKeys(cache), inputNames.presentValues(cache)]
    const [attended] = builder.nodes(
      'GroupQueryAttention',
      [query!, key!, value!, ...past, this.#lastPosition(), inputNames.total],
      {
        domain: microsoftDomain,
        attributes: { num_heads: heads, kv_num_heads: kvHeads, scale: { float: scale } },
        outputs: [`${node.outputs[0]!}#rows`, ...present],
      },
    )
    builder.nodes('Reshape', [attended!, builder.shape(-1, heads * headDim)], { outputs: node.outputs })
    for (const name of present) builder.output(name, this.compute, kvShape)
  }

  /** `lengths - 1`, as GroupQueryAttention wants it. */
  #lastPosition(): string {
    this.#lastIndex ??= this.builder.node('Sub', ['lengths', this.builder.constant(Int32Array.of(1), [1])])
    return this.#lastIndex
  }

  /** `[tokens, width]` to `[batch, seq, width]`. */
  #reshape(name: string): string {
    const width = this.width(name)
    if (!this.shapeWidths.has(width)) this.builder.input(inputNames.shape(width), 'int64', [3])
    this.shapeWidths.add(width)
    return this.builder.node('Reshape', [name, inputNames.shape(width)])
  }

  #castTo(name: string, type: TensorType, outputs: readonly string[] | number = 1): string {
    return this.builder.nodes('Cast', [name], { attributes: { to: tensorTypes[type].onnx }, outputs })[0]!
  }
}

/**
 * Bytes of all results of some nodes, of which not all live at once.
 * @param readsTokens whether attention takes a prompt in the form `tokens`
 */
export function resultBytes(
  nodes: readonly GraphNode[],
  shapes: ReadonlyMap<string, readonly number[]>,
  compute: TensorType,
  readsTokens: boolean,
): number {
  const results = nodes.flatMap((node) => {
    const own = node.outputs.map((name) => elementCount(shapes.get(name)!) * tensorTypes[compute].bytes)
    const bytes = own.reduce((sum, size) => sum + size, 0)
    // What is computed in float32 has two casts.
    if (node.operator === 'Attention') return [readsTokens ? promptBytes(node, bytes) : groupUnits * bytes]
    return ['Softmax', 'Gelu', 'Silu'].includes(node.operator) ? [5 * bytes] : [bytes]
  })
  return results.reduce((sum, bytes) => sum + bytes + pieceBytes, 0)
}

/** GroupQueryAttention unpacks its inputs and keeps sums. */
const groupUnits = 8

/**
 * MultiHeadAttention reads inputs where they lie. Where heads of a batch are too few for the multiprocessors it cuts them, and keeps at
 * most a tile of 64 queries in float32 for each (ONNX Runtime, flash_api.cc); no card has 256 of them.
 */
function promptBytes({ attributes: { headDim } }: NodeOf<'Attention'>, resultBytes: number): number {
  return 4 * resultBytes + Math.min(128 * resultBytes, 256 * 64 * 4 * Math.ceil(headDim / 32) * 32)
}

/** The arena rounds every piece up. */
const pieceBytes = 1024
