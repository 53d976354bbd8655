import { OnnxBuilder } from '../onnx/onnx-builder.ts'
import { type TensorType, tensorTypes } from '../onnx/tensor-type.ts'
import type { EmitContext, WeightBlock } from '../operators/emit-context.ts'
import { emitNode } from '../operators/emit-node.ts'
import type { GraphInfo, ValueInfo } from './graph-info.ts'
import type { DensePlan } from './plan-graph.ts'

/** Values per block of a half matrix: 4 MiB of float32, which stays in the cache of most machines. */
export const blockValues: number = 2 ** 20

/** Index of the last valid token of each row, computed by the kernel. */
export const lastRowsName = '#lastRows'

/** An ONNX graph of a dense step and what it binds. */
export interface DenseModel {
  readonly model: Uint8Array
  readonly inputs: readonly DenseInput[]
  readonly outputs: readonly string[]
  readonly readsLastRows: boolean
  /** Weights that the model holds, in the type that their bytes must have. */
  readonly held: ReadonlyMap<string, TensorType>
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
  const held = new Map<string, TensorType>()
  const inputs: DenseInput[] = []
  for (const name of plan.inputs) {
    const value = info.values.get(name)!
    if (form.held.has(name)) {
      const type = heldType(value, form.halfTensors)
      held.set(name, type)
      const shape = value.declared as readonly number[]
      builder.externalInitializer(name, type, shape, byteLength(shape, type))
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
  readsLastRows = false
  readonly #info: GraphInfo
  readonly #form: WeightForm
  readonly #held: ReadonlyMap<string, TensorType>
  readonly #blocks: ReadonlyMap<string, readonly WeightBlock[] | undefined>
  readonly #widened = new Map<string, string>()

  constructor(
    builder: OnnxBuilder,
    info: GraphInfo,
    form: WeightForm,
    held: ReadonlyMap<string, TensorType>,
    blocks: ReadonlyMap<string, readonly WeightBlock[] | undefined>,
  ) {
    this.builder = builder
    this.#info = info
    this.#form = form
    this.#held = held
    this.#blocks = blocks
  }

  readonly width = (name: string): number => this.#info.values.get(name)!.width

  readonly isHalf = (name: string): boolean => {
    const type = this.#held.get(name) ?? this.#info.values.get(name)!.type
    return this.#form.halfTensors && (type === 'float16' || type === 'bfloat16')
  }

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
  const rows = declared?.[0] as number
  const rowsPerBlock = Math.max(1, Math.floor(blockValues / width))
  if (!isBlocked || rows <= rowsPerBlock) return undefined
  return Array.from({ length: Math.ceil(rows / rowsPerBlock) }, (_, i) => ({
    name: `${name}#${i}`,
    firstRow: i * rowsPerBlock,
    rows: Math.min(rowsPerBlock, rows - i * rowsPerBlock),
  }))
}

/** Type in which a weight is held: widened, but for tables, of which few rows are read. */
export function heldType(value: ValueInfo, halfTensors: boolean): TensorType {
  return value.isTable && halfTensors ? value.type : 'float32'
}

function widenedType({ type }: ValueInfo): TensorType {
  return type === 'float16' || type === 'bfloat16' ? 'float32' : type
}

function byteLength(shape: readonly number[], type: TensorType): number {
  return shape.reduce((product, size) => product * size, tensorTypes[type].bytes)
}
