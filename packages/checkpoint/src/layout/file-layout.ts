import type { OpenFiles } from '../file/open-files.ts'
import type { FileTensors } from '../source/stored-tensor.ts'

/** A form in which checkpoints are published: one file, or several with an index. */
export interface FileLayout {
  /** Name for people, such as `safetensors`. */
  readonly name: string
  readonly fileName: string
  readonly indexName: string
  /** Reads and checks what a file says about its tensors, without their values. */
  readTensors(files: OpenFiles, path: string): Promise<FileTensors>
}
