import type { TensorEngine } from '../src/engine/tensor-engine.ts'

/** An engine that notes how many values each tensor of JavaScript's memory has that is given to it. */
export interface CountingEngine {
  readonly engine: TensorEngine
  /** Counts of values since the last call, the smallest first. */
  takeUploads(): number[]
}

/** Puts a count before everything of an engine that takes values. */
export function countUploads(engine: TensorEngine): CountingEngine {
  let uploads: number[] = []
  const note = (shape: readonly number[]): void => void uploads.push(shape.reduce((product, size) => product * size, 1))
  const counting: TensorEngine = {
    ...engine,
    wrap: (shape, values) => {
      note(shape)
      return engine.wrap(shape, values)
    },
    upload: (shape, fill) => {
      note(shape)
      return engine.upload(shape, fill)
    },
    holdMatrix: (shape, transposed, fill) => {
      note(shape)
      return engine.holdMatrix(shape, transposed, fill)
    },
  }
  return {
    engine: counting,
    takeUploads: () => {
      const taken = uploads.toSorted((a, b) => a - b)
      uploads = []
      return taken
    },
  }
}
