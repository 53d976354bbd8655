import type { DynamicDimensions, GraphValue } from '@flexgen/spec'
import { checkSize } from '@flexgen/backend-kit'

/**
 * Takes batch and seq from the first shapes that have them; all others must then agree.
 * @param borders inputs and outputs that are bound, by name
 * @throws {FlexgenError} `USAGE` for dimensions that are none
 */
export function dimensionsOf(
  graphName: string,
  borders: ReadonlyMap<string, GraphValue>,
  values: ReadonlyMap<string, { readonly shape: readonly number[] }>,
): DynamicDimensions {
  const found: { batch?: number; seq?: number } = {}
  for (const { name, shape } of borders.values()) {
    const bound = values.get(name)
    if (bound === undefined) continue
    for (const [axis, dimension] of shape.entries()) {
      const size = bound.shape[axis] ?? Number.NaN
      checkSize(`dimension ${axis} of ${graphName}, ${name},`, size, 1)
      if (typeof dimension !== 'number') found[dimension] ??= size
    }
  }
  return { batch: found.batch ?? 1, seq: found.seq ?? 1 }
}
