import { setTimeout } from 'node:timers/promises'
import {
  AbortedError,
  CorruptDataError,
  type FileHandle,
  type FileSystem,
  InternalError,
  nodeFileSystem,
  StorageError,
  type TensorInfo,
  UsageError,
  type WeightSource,
} from '@flexgen/spec'
import type { ExpectedTensor } from '../../src/index.ts'

/** What a toy source can do wrong with its file. */
export interface ToyDefects {
  readonly trustsShortReads?: boolean
  readonly hidesErrors?: boolean
  readonly passesSystemErrors?: boolean
  readonly diesOfErrors?: boolean
  readonly trustsSizes?: boolean
  readonly leavesOpen?: boolean
  readonly leavesOpenWhereItFails?: boolean
  readonly writesLate?: boolean
}

/** Opens a source over one file of raw bytes, which it reads once while it opens. */
export type OpenToySource = (fileSystem?: FileSystem, defects?: ToyDefects) => Promise<WeightSource>

/** Makes an opener of a file with tensors that begin at the given bytes. */
export function createToyOpener(
  path: string,
  starts: Readonly<Record<string, number>>,
  expected: Readonly<Record<string, ExpectedTensor>>,
  sizeBytes: number,
): OpenToySource {
  const tensors = new Map(
    Object.entries(expected).map(([name, { shape, dtype, bytes }]): [string, TensorInfo] => [
      name,
      { name, shape, dtype, byteLength: bytes!.byteLength },
    ]),
  )
  return async (fileSystem = nodeFileSystem, defects = {}) => {
    const handle = await fileSystem.open(path, 'read')
    const close = (): Promise<void> => handle.close()
    try {
      await readAll(handle, new Uint8Array(1), 0, {})
      if ((await handle.sizeBytes()) < sizeBytes && !defects.trustsSizes)
        throw new CorruptDataError(`${path} is cut off`)
    } catch (error) {
      if (!defects.leavesOpenWhereItFails) await close()
      throw error
    }
    return createToySource(handle, { path, starts, tensors, defects, close })
  }
}

interface ToyFile {
  readonly path: string
  readonly starts: Readonly<Record<string, number>>
  readonly tensors: ReadonlyMap<string, TensorInfo>
  readonly defects: ToyDefects
  close(): Promise<void>
}

function createToySource(handle: FileHandle, { path, starts, tensors, defects, close }: ToyFile): WeightSource {
  let isOpen = true
  let isDead = false
  const check = (name: string, byteOffset: number, byteLength: number): number => {
    if (!isOpen) throw new UsageError('the source is closed')
    const tensor = tensors.get(name)
    if (tensor === undefined) throw new CorruptDataError(`there is no tensor ${name}`)
    if (byteOffset < 0 || byteOffset + byteLength > tensor.byteLength) throw new InternalError('outside the tensor')
    return starts[name]! + byteOffset
  }
  const isStopped = (signal: AbortSignal | undefined): boolean => signal?.aborted === true
  return {
    specificationVersion: 'v1',
    description: 'raw bytes',
    tensors,
    extents: (name, byteOffset, byteLength) => {
      const extent = { path, byteOffset: check(name, byteOffset, byteLength), byteLength }
      return byteLength === 0 ? [] : [extent]
    },
    async read(name, byteOffset, target, signal) {
      const from = check(name, byteOffset, target.byteLength)
      if (isStopped(signal) || isDead) throw new AbortedError('stopped')
      const reading = readAll(handle, target, from, defects)
      reading.catch(() => void (isDead = defects.diesOfErrors === true))
      if (defects.writesLate) await Promise.race([reading, setTimeout(5)])
      if (isStopped(signal)) throw new AbortedError('stopped')
      await reading
    },
    async [Symbol.asyncDispose]() {
      if (isOpen && !defects.leavesOpen) await close()
      isOpen = false
    },
  }
}

async function readAll(handle: FileHandle, target: Uint8Array, from: number, defects: ToyDefects): Promise<void> {
  try {
    for (let done = 0; done < target.byteLength;) {
      const count = await handle.read(target.subarray(done), from + done)
      if (count === 0) throw new CorruptDataError('the file ends early')
      done += defects.trustsShortReads ? target.byteLength : count
    }
  } catch (error) {
    if (defects.hidesErrors) return
    throw defects.passesSystemErrors ? error : StorageError.from(error, 'read the toy')
  }
}
