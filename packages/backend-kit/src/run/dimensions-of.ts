import type { DynamicDimensions, GraphValue } from '@flexgen/spec'
import { checkSize } from '../check/check-size.ts'

/**
 * Takes batch and seq from the first shapes that have them; all others must then agree.
 * @param borders inputs and outputs of the graph
 * @param values those that are bound, by name
 * @throws {FlexgenError} `USAGE` for dimensions that are none
 */
export function dimensionsOf(
  graphName: string,
  borders: Iterable<GraphValue>,
  values: ReadonlyMap<string, { readonly shape: readonly number[] }>,
): DynamicDimensions {
  let batch: number | undefined
  let seq: number | undefined
  for (const { name, shape } of borders) {
    const bound = values.get(name)
    if (bound === undefined) continue
    for (let axis = 0; axis < shape.length; axis++) {
      const size = bound.shape[axis] ?? Number.NaN
      // Runs are checked by the thousand: their sizes are named only where one is wrong.
      if (!Number.isSafeInteger(size) || size < 1) checkSize(`dimension ${axis} of ${graphName}, ${name},`, size, 1)
      if (shape[axis] === 'batch') batch ??= size
      else if (shape[axis] === 'seq') seq ??= size
    }
  }
  return { batch: batch ?? 1, seq: seq ?? 1 }
}
