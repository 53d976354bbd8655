import type { Tensor } from '../sessions/session.ts'
import type { MappedBytes } from '@flexgen/backend-kit'
import type { PlannedCache } from '@flexgen/backend-kit'

/** A cache as it is bound for a run. */
export type BoundCache = PlannedCache<MappedBytes>

/** What the steps of one run work on. */
export interface RunState {
  readonly batch: number
  readonly seq: number
  /** `[batch, seq]` and `[batch]`; empty where the graph does not have them. */
  readonly positions: Int32Array
  readonly lengths: Int32Array
  /** An input, an output, or a value between steps, flat. */
  tensor(name: string): Tensor
  /** The blocks in which a weight is bound. */
  blocks(name: string): readonly Tensor[]
  cache(name: string): BoundCache
  /** Scratch that a step has asked for. */
  scratch(name: string): Uint8Array
}

/** Sizes that decide how much scratch a run needs. */
export interface RunSize {
  readonly batch: number
  readonly seq: number
  readonly maxPositions: number
}

/** Scratch by name, in bytes. */
export type ScratchSizes = Map<string, number>

/** A step of a kernel, with what it keeps bound from run to run. */
export interface StepBinding {
  run(state: RunState): void | Promise<void>
  release(): void
}

/** A step of a kernel. */
export interface Step {
  createBinding(): StepBinding
  /** Adds what it needs between and beside other steps. */
  addScratch(size: RunSize, sizes: ScratchSizes): void
  /** Upper estimate of what the runtime allocates while it runs, in bytes. */
  arenaBytes(size: RunSize): number
  release(): void
}
