import type { FileSystem } from '@flexgen/spec'

/** What every opener of a checkpoint takes. */
export interface CheckpointOptions {
  /** Where files are read from; the machine's by default. */
  readonly fileSystem?: FileSystem | undefined
}
