import { InternalError } from '@flexgen/spec'
import type { GraphInfo } from '../graphs/graph-info.ts'
import type { ScratchBlock } from '../memory/scratch-pool.ts'
import type { Tensor } from '../sessions/session.ts'
import type { RunPlan } from './plan-run.ts'
import { flatShapeOf } from './run-layout.ts'
import type { BoundCache, RunState } from './run-state.ts'
import { type HalfType, widenBytes } from './widen-bytes.ts'

const noValues = new Int32Array(0)

/** Values of a run: what is bound, and what passes between steps in scratch. */
export class KernelRunState implements RunState {
  readonly batch: number
  readonly seq: number
  readonly positions: Int32Array
  readonly lengths: Int32Array
  readonly plan: RunPlan
  readonly block: ScratchBlock
  readonly #info: GraphInfo
  readonly #tensors = new Map<string, Tensor>()

  constructor(info: GraphInfo, plan: RunPlan, block: ScratchBlock) {
    this.#info = info
    this.plan = plan
    this.block = block
    this.batch = plan.layout.size.batch
    this.seq = plan.layout.size.seq
    this.positions = this.#ints('positions')
    this.lengths = this.#ints('lengths')
  }

  tensor(name: string): Tensor {
    const bound = this.plan.values.get(name)
    if (bound !== undefined && !this.plan.widened.has(name)) return bound.tensor
    let tensor = this.#tensors.get(name)
    if (tensor === undefined) {
      tensor = this.#scratchTensor(name)
      this.#tensors.set(name, tensor)
    }
    return tensor
  }

  blocks(name: string): readonly Tensor[] {
    return this.plan.values.get(name)!.blocks
  }

  cache(name: string): BoundCache {
    return this.plan.caches.get(name)!
  }

  scratch(name: string): Uint8Array {
    const place = this.plan.layout.scratch.get(name)
    if (place === undefined) throw new InternalError(`a run has no scratch ${name}`)
    return this.block.bytes.subarray(place.byteOffset, place.byteOffset + place.byteLength)
  }

  /** Brings half weights into float32 where the runtime takes nothing else. */
  widenWeights(): void {
    for (const name of this.plan.widened.keys()) {
      const { bytes, type } = this.plan.values.get(name)!.tensor
      widenBytes(bytes, type as HalfType, this.tensor(name).bytes)
    }
  }

  #scratchTensor(name: string): Tensor {
    const place = this.plan.widened.get(name)
    if (place !== undefined) {
      const bytes = this.block.bytes.subarray(place.byteOffset, place.byteOffset + place.byteLength)
      return { bytes, type: 'float32', shape: this.plan.values.get(name)!.tensor.shape }
    }
    const { type } = this.#info.values.get(name)!
    return { bytes: this.scratch(name), type, shape: flatShapeOf(this.plan.layout, this.#info, name) }
  }

  #ints(name: string): Int32Array {
    const tensor = this.plan.values.get(name)?.tensor
    if (tensor?.type !== 'int32') return noValues
    return new Int32Array(tensor.bytes.buffer, tensor.bytes.byteOffset, tensor.bytes.byteLength / 4)
  }
}
