import { OnnxBuilder } from '../onnx/onnx-builder.ts'
import { isHalf, type TensorType, tensorTypes } from '../onnx/tensor-type.ts'
import type { EmitContext, WeightBlock } from '../operators/emit-context.ts'
import { emitNode } from '../operators/emit-node.ts'
import type { GraphInfo, ValueInfo } from './graph-info.ts'
import type { DensePlan } from './plan-graph.ts'

/**
 * Values per block of a half matrix: 4 MiB of float32, which stays in the cache of most machines (for 16.8 million
 * weights and 8 tokens on 2 cores, blocks of half the size take 1.15 times as long, of an eighth 1.7 times). The
 * matrices of very small models are cut finer, so that such models run in little memory.
 */
const blockValues = { large: 2 ** 20, small: 2 ** 17 }
const smallMatrixValues = 2 ** 18

/** Index of the last valid token of each row, computed by the kernel. */
export const lastRowsName = '#lastRows'

/** An ONNX graph of a dense step and what it binds. */
export interface DenseModel {
  readonly model: Uint8Array
  readonly inputs: readonly DenseInput[]
  readonly outputs: readonly string[]
  readonly readsLastRows: boolean
  /** Weights that the model holds, whose bytes it gets as they lie. */
  readonly held: ReadonlySet<string>
}

/** A value that is bound as an input: whole under its own name, or in blocks of rows. */
export interface DenseInput {
  readonly value: string
  readonly blocks: readonly WeightBlock[] | undefined
}

/** How weights come to a model. */
export interface WeightForm {
  /** Names of weights that the model holds. */
  readonly held: ReadonlySet<string>
  /** Whether half tensors can be bound; otherwise the binding widens them. */
  readonly halfTensors: boolean
}

/** Writes a dense step as an ONNX model. */
export function encodeDense(info: GraphInfo, plan: DensePlan, form: WeightForm): DenseModel {
  const builder = new OnnxBuilder(info.graph.name)
  const held = new Set<string>()
  const inputs: DenseInput[] = []
  for (const name of plan.inputs) {
    const value = info.values.get(name)!
    if (form.held.has(name)) {
      held.add(name)
      builder.externalInitializer(name, value.type, value.declared, value.count * tensorTypes[value.type].bytes)
      continue
    }
    const blocks = form.halfTensors ? blocksOf(value, plan) : undefined
    inputs.push({ value: name, blocks })
    if (blocks === undefined) builder.input(name, form.halfTensors ? value.type : widenedType(value), value.shape)
    else for (const block of blocks) builder.input(block.name, value.type, [block.rows, value.width])
  }
  const context = new DenseContext(builder, info, form, held, new Map(inputs.map((i) => [i.value, i.blocks])))
  for (const node of plan.nodes) emitNode(node, context)
  for (const name of plan.outputs) {
    const { type, shape } = info.values.get(name)!
    builder.output(name, type, shape)
  }
  return { model: builder.encode(), inputs, outputs: plan.outputs, readsLastRows: context.readsLastRows, held }
}

class DenseContext implements EmitContext {
  readonly builder: OnnxBuilder
  readonly compute = 'float32'
  readsLastRows = false
  readonly #info: GraphInfo
  readonly #form: WeightForm
  readonly #held: ReadonlySet<string>
  readonly #blocks: ReadonlyMap<string, readonly WeightBlock[] | undefined>
  readonly #widened = new Map<string, string>()

  constructor(
    builder: OnnxBuilder,
    info: GraphInfo,
    form: WeightForm,
    held: ReadonlySet<string>,
    blocks: ReadonlyMap<string, readonly WeightBlock[] | undefined>,
  ) {
    this.builder = builder
    this.#info = info
    this.#form = form
    this.#held = held
    this.#blocks = blocks
  }

  readonly width = (name: string): number => this.#info.values.get(name)!.width

  /** Half weights that are held are cast in the model, too: ONNX Runtime does that once, when it makes the session. */
  readonly isHalf = (name: string): boolean =>
    isHalf(this.#info.values.get(name)!.type) && (this.#form.halfTensors || this.#held.has(name))

  readonly float = (name: string): string => {
    if (!this.isHalf(name)) return name
    let widened = this.#widened.get(name)
    if (widened === undefined) {
      widened = this.builder.node('Cast', [name], { attributes: { to: tensorTypes.float32.onnx } })
      this.#widened.set(name, widened)
    }
    return widened
  }

  readonly blocks = (name: string): readonly WeightBlock[] | undefined => this.#blocks.get(name)

  readonly lastRows = (): string => {
    if (!this.readsLastRows) this.builder.input(lastRowsName, 'int32', ['rows'])
    this.readsLastRows = true
    return lastRowsName
  }
}

/** Blocks of rows of a half matrix that only transposed Linear reads; undefined where one block would do. */
function blocksOf({ name, type, width, isWeight, declared }: ValueInfo, plan: DensePlan): WeightBlock[] | undefined {
  if (!isWeight || type === 'float32') return undefined
  const isBlocked = plan.nodes.every((node) =>
    node.inputs.every(
      (input, index) => input !== name || (node.operator === 'Linear' && index === 1 && node.attributes.transposed),
    ),
  )
  const rows = declared[0]!
  const most = rows * width > smallMatrixValues ? blockValues.large : blockValues.small
  const rowsPerBlock = Math.max(1, Math.floor(most / width))
  if (!isBlocked || rows <= rowsPerBlock) return undefined
  return Array.from({ length: Math.ceil(rows / rowsPerBlock) }, (_, i) => ({
    name: `${name}#${i}`,
    firstRow: i * rowsPerBlock,
    rows: Math.min(rowsPerBlock, rows - i * rowsPerBlock),
  }))
}

function widenedType({ type }: ValueInfo): TensorType {
  return isHalf(type) ? 'float32' : type
}
