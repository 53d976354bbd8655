import { elementCount, type GraphNode, inferShapes, type NodeOf, UsageError } from '@flexgen/spec'
import { type DenseModel, lastRowsName } from '../graphs/encode-dense.ts'
import type { GraphInfo } from '../graphs/graph-info.ts'
import type { DensePlan } from '../graphs/plan-graph.ts'
import { isHalf } from '../onnx/tensor-type.ts'
import type { Session, SessionBinding } from '../sessions/session.ts'
import { checkIndices, openLookUps } from './check-indices.ts'
import type { KernelContext } from './kernel-context.ts'
import { estimateUs } from './loop-budget.ts'
import type { RunSize, RunState, ScratchSizes, Step, StepBinding } from './run-state.ts'

/** Temporary copies of its result that an operator makes on its way; one where nothing is said. */
const temporaries: Readonly<Partial<Record<GraphNode['operator'], number>>> = {
  RMSNormalization: 4,
  RotaryEmbedding: 8,
  Silu: 2,
  Split: 1,
}

/** The arena rounds every piece up; some operators need a little more for themselves. */
const smallestPieceBytes = 1024

/** Nodes between two attentions, as one session. */
export class DenseStep implements Step {
  readonly model: DenseModel
  readonly #context: KernelContext
  readonly #info: GraphInfo
  readonly #plan: DensePlan
  readonly #session: Session
  readonly #weights: { readonly sizeBytes: number; readonly values: number }
  readonly #lookUps: readonly NodeOf<'Gather'>[]

  constructor(context: KernelContext, info: GraphInfo, plan: DensePlan, model: DenseModel, session: Session) {
    this.#context = context
    this.#info = info
    this.#plan = plan
    this.model = model
    this.#session = session
    this.#weights = matrixSize(info, plan)
    this.#lookUps = openLookUps(plan)
  }

  createBinding(): StepBinding {
    const binding = this.#session.createBinding()
    return {
      run: (state) => {
        this.#bind(binding, state)
        const tokens = state.batch * state.seq
        const { sizeBytes, values } = this.#weights
        const isShort = this.#context.budget.mayBlock(
          estimateUs(sizeBytes, values * tokens) + 2 * this.#plan.nodes.length,
        )
        return this.#session.run(binding, isShort)
      },
      release: () => binding.release(),
    }
  }

  addScratch({ batch, seq }: RunSize, sizes: ScratchSizes): void {
    const shapes = inferShapes(this.#info.graph, { batch, seq })
    const isOutput = new Set(this.#info.graph.outputs.map((output) => output.name))
    for (const name of this.model.outputs) {
      if (isOutput.has(name)) continue
      // Between steps there are only 4-byte types: float32 and int32.
      sizes.set(name, 4 * elementCount(shapes.get(name)!))
    }
    if (this.model.readsLastRows) sizes.set(lastRowsName, 4 * batch)
  }

  arenaBytes({ batch, seq }: RunSize): number {
    const shapes = inferShapes(this.#info.graph, { batch, seq })
    const sizeOf = (name: string): number => 4 * elementCount(shapes.get(name)!)
    const isBlocked = new Set(this.model.inputs.filter(({ blocks }) => blocks !== undefined).map(({ value }) => value))
    const results = this.#plan.nodes.map((node) => {
      const own = node.outputs.reduce((sum, name) => sum + sizeOf(name), 0)
      // Sorting and cumulative sums of a whole row in double precision.
      if (node.operator === 'Sample' || node.operator === 'TopK') return 16 * sizeOf(node.inputs[0]!)
      return own * (temporaries[node.operator] ?? (node.inputs.some((name) => isBlocked.has(name)) ? 2 : 1))
    })
    const whole = this.model.inputs.map(({ value, blocks }) => (blocks === undefined ? this.#widenedBytes(value) : 0))
    // One block lives at a time; the arena may have cut the memory of the last one for something small.
    const blocks = this.model.inputs.map(({ value, blocks: cut = [] }) => {
      const { width } = this.#info.values.get(value)!
      return 8 * width * Math.max(0, ...cut.map(({ rows }) => rows))
    })
    const pieces = [...results, ...whole, Math.max(0, ...blocks)]
    return pieces.reduce((sum, bytes) => sum + bytes + smallestPieceBytes, 0)
  }

  release(): void {
    this.#session.release()
  }

  #widenedBytes(name: string): number {
    const { type, isTable, count } = this.#info.values.get(name)!
    return isHalf(type) && !isTable && this.#context.runtime.halfTensors ? 4 * count : 0
  }

  #bind(binding: SessionBinding, state: RunState): void {
    for (const node of this.#lookUps) {
      const table = node.inputs[0]!
      // A bound table may have fewer rows than are declared.
      const shape = this.model.held.has(table) ? this.#info.values.get(table)!.declared : state.tensor(table).shape
      checkIndices(node, shape[0] as number, state)
    }
    for (const { value, blocks } of this.model.inputs) {
      if (blocks === undefined) binding.input(value, state.tensor(value))
      else for (const [i, tensor] of state.blocks(value).entries()) binding.input(blocks[i]!.name, tensor)
    }
    if (this.model.readsLastRows) {
      const bytes = state.scratch(lastRowsName)
      writeLastRows(new Int32Array(bytes.buffer, bytes.byteOffset, state.batch), state)
      binding.input(lastRowsName, { bytes: bytes.subarray(0, 4 * state.batch), type: 'int32', shape: [state.batch] })
    }
    for (const name of this.model.outputs) binding.output(name, state.tensor(name))
  }
}

/** Flat index of the last valid token of each row. */
function writeLastRows(target: Int32Array, { seq, positions, lengths }: RunState): void {
  for (let row = 0; row < target.length; row++) {
    const count = lengths[row]! - positions[row * seq]!
    if (count < 0 || count > seq)
      throw new UsageError(`row ${row} has ${count} new tokens in a run of ${seq}: positions and lengths do not fit`)
    target[row] = row * seq + Math.max(count - 1, 0)
  }
}

function matrixSize(info: GraphInfo, plan: DensePlan): { sizeBytes: number; values: number } {
  let [sizeBytes, values] = [0, 0]
  for (const node of plan.nodes) {
    if (node.operator !== 'Linear') continue
    const { count, type } = info.values.get(node.inputs[1]!)!
    values += count
    sizeBytes += count * (type === 'float32' ? 4 : 2)
  }
  return { sizeBytes, values }
}
