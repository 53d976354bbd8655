import { type Backend, type DType, dtypes, isGroupDType, UnsupportedDataError, UsageError } from '@flexgen/spec'
import type { WeightUnit } from '../placement/weight-unit.ts'

/**
 * Dtype of activations and KV: the one asked for, else that of most weight bytes where every backend computes in it, else
 * the first that all of them have. Of 4-bit weights the vectors beside them count.
 * @throws {FlexgenError} `USAGE` where a backend cannot compute in what was asked for, `UNSUPPORTED_DATA` where the
 * backends have none in common
 */
export function chooseComputeDtype(
  units: readonly Pick<WeightUnit, 'dtype' | 'sizeBytes'>[],
  asked: DType | undefined,
  backends: readonly Pick<Backend, 'name' | 'capabilities'>[],
): DType {
  const all = backends.map(({ name, capabilities }) => ({ name, dtypes: capabilities.computeDtypes }))
  if (asked !== undefined) {
    const without = all.find((backend) => !backend.dtypes.includes(asked))
    if (without === undefined) return asked
    throw new UsageError(`--dtype: backend ${without.name} cannot compute in ${asked}`, {
      hint: `it computes in ${without.dtypes.join(', ')}`,
    })
  }
  const common = all[0]!.dtypes.filter((dtype) => all.every((backend) => backend.dtypes.includes(dtype)))
  const own = dtypeOfWeights(units)
  const chosen = own !== undefined && common.includes(own) ? own : common[0]
  if (chosen !== undefined) return chosen
  throw new UnsupportedDataError(
    `no dtype that ${all.map(({ name }) => name).join(' and ')} both compute in: ${all.map((backend) => backend.dtypes.join(', ')).join('; ')}`,
  )
}

function dtypeOfWeights(units: readonly Pick<WeightUnit, 'dtype' | 'sizeBytes'>[]): DType | undefined {
  const bytesOf = (dtype: DType): number =>
    units.reduce((sum, unit) => sum + (unit.dtype === dtype ? unit.sizeBytes : 0), 0)
  return dtypes
    .filter((dtype) => !isGroupDType(dtype) && bytesOf(dtype) > 0)
    .toSorted((a, b) => bytesOf(b) - bytesOf(a))[0]
}
