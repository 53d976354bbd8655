import { CorruptDataError } from '@flexgen/spec'
import { listNames } from '../text/show-value.ts'

/**
 * Asserts that a checkpoint has every tensor that a model reads.
 * @throws {CorruptDataError} naming the first missing ones
 */
export function checkTensors(needed: ReadonlySet<string>, tensorNames: ReadonlySet<string>): void {
  const missing = [...needed].filter((name) => !tensorNames.has(name))
  if (missing.length === 0) return
  throw new CorruptDataError(`the checkpoint has no tensor ${listNames(missing)}`, {
    hint: 'check that all files of the checkpoint are there and belong to its config.json',
  })
}

/**
 * What users should know of tensors that a checkpoint has and a model does not read.
 * @param head name that the head has where it is not tied to the token table
 */
export function noticesOfUnused(
  needed: ReadonlySet<string>,
  tensorNames: ReadonlySet<string>,
  head: string,
): readonly string[] {
  const unused = [...tensorNames].filter((name) => !needed.has(name))
  const others = unused.filter((name) => name !== head)
  return [
    ...(unused.length > others.length ? [`${head} is not read: the config ties the head to the token table`] : []),
    ...(others.length > 0 ? [`the model has no use for tensors of the checkpoint: ${listNames(others)}`] : []),
  ]
}
