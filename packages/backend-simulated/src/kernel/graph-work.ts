import {
  type DType,
  dtypeBytes,
  elementCount,
  inferShapes,
  isGroupDType,
  type LayerGraph,
  type OperatorName,
} from '@flexgen/spec'
import type { WeightForm } from '../scenario/hardware.ts'
import type { ComputeTimes } from './compute-times.ts'

/** What the rows of a run attend to: positions after the run, by row. */
export interface AttendedPositions {
  readonly sum: number
  readonly squares: number
  readonly most: number
}

/** A run as its time depends on it. */
export interface RunWork {
  readonly batch: number
  readonly seq: number
  readonly attended: AttendedPositions
  readonly cacheDtype: DType | undefined
}

interface Attention {
  readonly width: number
  readonly kvWidth: number
  readonly sparsity: number
}

const inPlace: ReadonlySet<OperatorName> = new Set<OperatorName>([
  'Add',
  'Mul',
  'Relu',
  'Gelu',
  'Silu',
  'LayerNormalization',
  'RMSNormalization',
  'Softmax',
])

/** Most cached times of one kernel. */
const mostTimes = 4096

/** How long runs of a graph take: its products and its attention; what else it does is small beside them. */
export class GraphWork {
  readonly #graph: LayerGraph
  readonly #times: ComputeTimes
  readonly #computeDtype: DType
  readonly #held: ReadonlySet<string>
  readonly #attention: Attention | undefined
  /** By batch and sequence length. */
  readonly #denseSeconds = new Map<string | number, number>()

  constructor(graph: LayerGraph, times: ComputeTimes, computeDtype: DType, held: ReadonlySet<string>) {
    this.#graph = graph
    this.#times = times
    this.#computeDtype = computeDtype
    this.#held = held
    for (const node of graph.nodes) {
      if (node.operator !== 'Attention') continue
      const { heads, kvHeads, headDim, sparsity } = node.attributes
      this.#attention = { width: heads * headDim, kvWidth: kvHeads * headDim, sparsity }
    }
  }

  /** Seconds of a run, alone on the place that computes. */
  seconds(run: RunWork): number {
    return this.#dense(run.batch, run.seq) + (this.#attention === undefined ? 0 : this.#attend(this.#attention, run))
  }

  /** Bytes of the largest step of a run: what a node reads and writes beside weights. */
  workspaceBytes(batch: number, seq: number): number {
    const shapes = inferShapes(this.#graph, { batch, seq })
    const weights = new Set(this.#graph.inputs.filter(({ role }) => role === 'weight').map(({ name }) => name))
    const bytesOf = (name: string): number =>
      weights.has(name) ? 0 : dtypeBytes(this.#computeDtype, elementCount(shapes.get(name)!))
    // Elementwise nodes work in place.
    return this.#graph.nodes.reduce((most, { operator, inputs, outputs }) => {
      const names = inPlace.has(operator) ? inputs : [...inputs, ...outputs]
      return Math.max(
        most,
        names.reduce((sum, name) => sum + bytesOf(name), 0),
      )
    }, 0)
  }

  #dense(batch: number, seq: number): number {
    const key = batch * 2 ** 24 + seq
    const known = this.#denseSeconds.get(key)
    if (known !== undefined) return known
    const shapes = inferShapes(this.#graph, { batch, seq })
    let seconds = 0
    for (const { operator, inputs } of this.#graph.nodes) {
      const x = inputs[0]!
      if (operator === 'Linear') {
        const weight = inputs[1]!
        const rows = elementCount(shapes.get(x)!.slice(0, -1))
        const dtype = this.#dtypeOf(weight)
        seconds += this.#times.matmul(this.#formOf(weight, dtype), rows, elementCount(shapes.get(weight)!), dtype)
      } else if (operator === 'LayerNormalization' || operator === 'RMSNormalization') {
        seconds += this.#times.normSeconds * elementCount(shapes.get(x)!)
      }
    }
    if (this.#denseSeconds.size >= mostTimes) this.#denseSeconds.clear()
    this.#denseSeconds.set(key, seconds)
    return seconds
  }

  #dtypeOf(weight: string): DType {
    const dtype = this.#graph.inputs.find((input) => input.name === weight)?.dtype
    return dtype === undefined || dtype === 'compute' || dtype === 'weight' ? this.#computeDtype : dtype
  }

  #formOf(weight: string, dtype: DType): WeightForm {
    if (isGroupDType(dtype)) return 'q4'
    return this.#held.has(weight) ? 'prepared' : 'bound'
  }

  #attend({ width, kvWidth, sparsity }: Attention, { batch, seq, attended, cacheDtype }: RunWork): number {
    const dtype = cacheDtype ?? this.#computeDtype
    const positionBytes = 2 * kvWidth * dtypeBytes(this.#computeDtype, 1)
    const stored = dtype === 'q4g64' ? this.#times.quantize(batch * seq * positionBytes) : 0
    if (seq > 1) return stored + this.#times.prefillAttention(attended.most, 4 * width * attended.squares)
    // Sparse attention reads all of K and a part of V.
    const wideBytes = attended.sum * positionBytes * ((1 + sparsity) / 2)
    return stored + this.#times.decodeAttention(batch, wideBytes, dtype) + batch * this.#times.attentionRowSeconds
  }
}
