import { type Backend, isGroupDType, type Policy, UnsupportedDataError, type WeightSource } from '@flexgen/spec'

/**
 * Sees that a backend has kernels for what is compressed, by the policy or in the checkpoint, before anything is read.
 * @throws {UnsupportedDataError} naming the flag or the checkpoint
 */
export function checkFourBits(
  { name, capabilities: { weightDtypes, cacheDtypes } }: Pick<Backend, 'name' | 'capabilities'>,
  { compressWeight, compressCache }: Pick<Policy, 'compressWeight' | 'compressCache'>,
  { tensors, description }: Pick<WeightSource, 'tensors' | 'description'>,
): void {
  const refuse = (what: string, kind: string, hint: string): never => {
    throw new UnsupportedDataError(`${what}: backend ${name} has no kernels for 4-bit ${kind}`, { hint })
  }
  const others = 'take another --backend, such as native or reference'
  const foreign = [...tensors.values()].find(({ dtype }) => isGroupDType(dtype) && !weightDtypes.includes(dtype))
  if (foreign?.dtype === 'q4g64c' && weightDtypes.includes('q4g64'))
    refuse(description, 'weights in the form flexgen', 'convert the original with --form inputs')
  if (foreign !== undefined) refuse(description, 'weights', `${others}, or the checkpoint that it was made from`)
  if (compressWeight && !weightDtypes.some(isGroupDType))
    refuse('--compress-weight', 'weights', `leave the flag out, or ${others}`)
  if (compressCache && !cacheDtypes.some(isGroupDType))
    refuse('--compress-cache', 'KV', `leave the flag out, or ${others}`)
}
