import type { DType, FileSystem, WeightSource } from '@flexgen/spec'
import type { TestKit } from '../kit/test-kit.ts'

/** What a tensor of a source must be; bytes are row-major and little endian. */
export interface ExpectedTensor {
  readonly shape: readonly number[]
  readonly dtype: DType
  /** Compared in full where given. */
  readonly bytes?: Uint8Array
}

/** What `describeWeightSource` needs beside the source. */
export interface WeightSourceKit extends TestKit {
  /** Every tensor that the source must have, and no other. */
  readonly expected: ReadonlyMap<string, ExpectedTensor> | Readonly<Record<string, ExpectedTensor>>
  /** Where the files of the extents are read from; the machine's file system by default. */
  readonly fileSystem?: FileSystem
  /** Opens the source on another file system, whose reads are short, late or fail. Absent for sources without files. */
  readonly openOn?: (fileSystem: FileSystem) => Promise<WeightSource>
  readonly seed?: number
}
