import { inferShapes } from '@flexgen/spec'
import { flatShape, type GraphInfo } from '../graphs/graph-info.ts'
import type { RunSize, Step } from './run-state.ts'

/** Where a piece of scratch lies. */
export interface ScratchPlace {
  readonly byteOffset: number
  readonly byteLength: number
}

/** What depends on the sizes of a run alone. */
export interface RunLayout {
  readonly size: RunSize
  readonly shapes: ReadonlyMap<string, readonly number[]>
  readonly scratch: ReadonlyMap<string, ScratchPlace>
  readonly scratchBytes: number
  /** Upper estimate of what the runtime allocates beside scratch. */
  readonly arenaBytes: number
}

/** Enough for the lengths of a generation; more are made again when they come back. */
const mostLayouts = 64
const alignment = 64

/** Bytes of scratch, rounded so that the next piece is aligned to cache lines. */
export function alignScratch(byteLength: number): number {
  return Math.ceil(byteLength / alignment) * alignment
}

/** The layouts of a graph, kept by their sizes. */
export class RunLayouts {
  readonly #info: GraphInfo
  readonly #steps: readonly Step[]
  readonly #made = new Map<string, RunLayout>()

  constructor(info: GraphInfo, steps: readonly Step[]) {
    this.#info = info
    this.#steps = steps
  }

  of(size: RunSize): RunLayout {
    const key = `${size.batch} ${size.seq} ${size.maxPositions}`
    let layout = this.#made.get(key)
    if (layout === undefined) {
      layout = this.#make(size)
      if (this.#made.size >= mostLayouts) this.#made.clear()
      this.#made.set(key, layout)
    }
    return layout
  }

  #make(size: RunSize): RunLayout {
    const sizes = new Map<string, number>()
    for (const step of this.#steps) step.addScratch(size, sizes)
    const scratch = new Map<string, ScratchPlace>()
    let scratchBytes = 0
    for (const [name, byteLength] of sizes) {
      scratch.set(name, { byteOffset: scratchBytes, byteLength })
      scratchBytes += alignScratch(byteLength)
    }
    const arenaBytes = Math.max(0, ...this.#steps.map((step) => step.arenaBytes(size)))
    const shapes = inferShapes(this.#info.graph, size)
    return { size, shapes, scratch, scratchBytes, arenaBytes }
  }
}

/** Shape of a scratch value as the runtime binds it. */
export function flatShapeOf(layout: RunLayout, info: GraphInfo, name: string): readonly number[] {
  return flatShape(layout.shapes.get(name)!, info.values.get(name)!.type)
}
