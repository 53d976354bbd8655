import { join } from 'node:path'
import {
  AbortedError,
  type FileHandle,
  type FileSystem,
  InternalError,
  isGroupDType,
  nodeFileSystem,
  pieceRows,
  StorageError,
  type TensorInfo,
  type WeightSource,
} from '@flexgen/spec'
import type { CheckpointOptions } from '../checkpoint-options.ts'
import { createScratch } from '../compressed/scratch.ts'
import type { CheckpointPlan, PlannedShard } from './plan-checkpoint.ts'

/** Bytes that are written at a time; of compressed tensors they are whole lines, so that none is compressed twice. */
const stepBytes = 2 ** 20

/** How a checkpoint is written. */
export interface WriteCheckpointOptions extends CheckpointOptions {
  readonly signal?: AbortSignal | undefined
  /** Told after every step how many bytes of the plan are written. */
  readonly onProgress?: ((doneBytes: number) => void) | undefined
}

/**
 * Writes the files of a plan into a folder that has none of them: some rows at a time in a fixed memory, the next rows
 * being read (and compressed, where the source does that) while the last ones are written. Every file is on the disk
 * when it settles. After a failure or the signal incomplete files stay: the folder is the caller's to remove.
 * @throws {FlexgenError} `OUT_OF_DISK`, `NOT_WRITABLE`, `ABORTED`, and what the source fails with
 */
export async function writeCheckpoint(
  source: WeightSource,
  plan: CheckpointPlan,
  folder: string,
  { fileSystem = nodeFileSystem, signal, onProgress }: WriteCheckpointOptions = {},
): Promise<void> {
  let doneBytes = 0
  const onBytes = (count: number): void => onProgress?.((doneBytes += count))
  for (const shard of plan.shards)
    await withNewFile(fileSystem, join(folder, shard.fileName), (write) =>
      writeShard(source, shard, write, signal, onBytes),
    )
  if (plan.index === undefined) return
  const { fileName, bytes } = plan.index
  await withNewFile(fileSystem, join(folder, fileName), (write) => write(bytes, 0))
}

type Write = (bytes: Uint8Array, position: number) => Promise<void>

async function writeShard(
  source: WeightSource,
  { header, tensors }: PlannedShard,
  write: Write,
  signal: AbortSignal | undefined,
  onBytes: (count: number) => void,
): Promise<void> {
  let writing: Promise<void> = write(header, 0)
  // What fails while the next rows are read is told when it is their turn.
  writing.catch(() => undefined)
  const scratch = createScratch()
  let position = header.byteLength
  onBytes(position)
  try {
    for (const info of tensors) {
      const step = stepOf(info)
      for (let at = 0; at < info.byteLength; at += step) {
        if (signal?.aborted) throw new AbortedError('writing was stopped', { cause: signal.reason })
        const bytes = scratch.take(Math.min(step, info.byteLength - at))
        await source.read(info.name, at, bytes, signal)
        await writing
        writing = write(bytes, position).then(() => scratch.give(bytes))
        writing.catch(() => undefined)
        position += bytes.byteLength
        onBytes(bytes.byteLength)
      }
    }
  } finally {
    // The file is closed next: no byte may move any more.
    await writing.catch(() => undefined)
  }
  await writing
}

function stepOf({ dtype, shape, byteLength }: TensorInfo): number {
  if (!isGroupDType(dtype)) return stepBytes
  const lineBytes = byteLength / Math.ceil(shape[0]! / pieceRows(dtype))
  return Math.max(1, Math.floor(stepBytes / lineBytes)) * lineBytes
}

async function withNewFile(fileSystem: FileSystem, path: string, work: (write: Write) => Promise<void>): Promise<void> {
  const guard = async <T>(doing: Promise<T>): Promise<T> => {
    try {
      return await doing
    } catch (error) {
      throw StorageError.from(error, `write ${path}`)
    }
  }
  const handle = await guard(fileSystem.open(path, 'create'))
  let isClosed = false
  try {
    await work((bytes, position) => guard(writeAll(handle, path, bytes, position)))
    await guard(handle.sync())
    isClosed = true
    await guard(handle.close())
  } finally {
    // What failed first is what the caller must see.
    if (!isClosed) await handle.close().catch(() => undefined)
  }
}

async function writeAll(handle: FileHandle, path: string, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength;) {
    const count = await handle.write(bytes.subarray(done), position + done)
    if (count === 0) throw new InternalError(`nothing was written to ${path}`)
    done += count
  }
}
