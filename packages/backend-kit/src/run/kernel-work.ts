import type { DynamicDimensions, GraphValue, LayerGraph } from '@flexgen/spec'
import type { RunPlan } from './plan-run.ts'

/** The kernels of a backend over host memory: all that it has to bring. `Held` is the form of a prepared weight. */
export interface KernelWork<Held> {
  /** Bytes that a prepared kernel holds for a weight. */
  heldBytes(graph: LayerGraph, weight: GraphValue): number
  /**
   * Brings a weight into the form in which it is held, and counts it.
   * @param bytes good for this call only
   * @throws {FlexgenError} `OUT_OF_MEMORY`; then nothing is held
   */
  hold(graph: LayerGraph, weight: GraphValue, bytes: Uint8Array): Held
  /** Gives a held weight back. */
  release(held: Held, sizeBytes: number): void
  /** Upper estimate of what a run uses at any one time beside what is bound and held. */
  workspaceBytes(
    graph: LayerGraph,
    dimensions: DynamicDimensions,
    maxPositions: number,
    held: ReadonlyMap<string, Held>,
  ): number
  /** Runs a graph on memory that was checked, and writes the outputs where they are bound. */
  execute(graph: LayerGraph, held: ReadonlyMap<string, Held>, plan: RunPlan): void | Promise<void>
}
