import { CorruptDataError, type ScheduleLayer } from '@flexgen/spec'

/**
 * Asserts that a checkpoint has every tensor that the layers read.
 * @throws {CorruptDataError} naming the first missing tensor
 */
export function checkTensors(layers: readonly ScheduleLayer[], tensorNames: ReadonlySet<string>): void {
  const needed = layers.flatMap((layer) => layer.weights.flatMap((weight) => weight.parts.map((part) => part.tensor)))
  const missing = [...new Set(needed)].filter((name) => !tensorNames.has(name))
  if (missing.length === 0) return
  const more = missing.length > 1 ? ` and ${missing.length - 1} more` : ''
  throw new CorruptDataError(`the checkpoint has no tensor ${missing[0]}${more}`, {
    hint: 'check that all files of the checkpoint are there and belong to its config.json',
  })
}
