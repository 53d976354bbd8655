import type { GroupDType, TensorInfo } from '@flexgen/spec'
import type { OriginalDType } from './quantize-values.ts'

/** A matrix that is compressed as it is read. */
export interface CompressedTensor {
  readonly info: TensorInfo
  readonly form: GroupDType
  readonly original: TensorInfo & { readonly dtype: OriginalDType }
}
