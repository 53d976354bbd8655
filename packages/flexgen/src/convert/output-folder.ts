import { AbortedError, nodeFileSystem, StorageError } from '@flexgen/spec'
import { chmod, mkdir, open, readdir, rename, rm, statfs } from 'node:fs/promises'
import { hostname } from 'node:os'
import path from 'node:path'
import { checkOutput } from './check-output.ts'
import { guardWrite, statOf } from './guard-write.ts'

/** A folder that is made under another name; dispose removes what was not finished. */
export interface OutputFolder extends AsyncDisposable {
  /** Where its files are written. */
  readonly path: string
  /** Brings all to the disk and gives the folder its name. @returns the names of its files */
  finish(signal?: AbortSignal): Promise<string[]>
}

/** What an output folder is checked against. */
export interface OutputFolderOptions {
  /** Folder that is read meanwhile. */
  readonly original: string | undefined
  /** Whether an earlier conversion may be replaced. */
  readonly force: boolean
  readonly neededBytes: number
}

/** Room for config and tokenizer, which are not planned to the byte. */
const smallFilesBytes = 8e6

/** Folders of conversions that run in this process: its id alone may be that of a process that was killed. */
const running = new Set<string>()
let count = 0

/**
 * Makes a folder for a conversion, hidden beside the place that it will have; folders that killed conversions to
 * the same place left there are removed.
 * @throws {FlexgenError} `USAGE` where something is there, or the original is; `OUT_OF_DISK`, `NOT_WRITABLE`
 */
export async function openOutputFolder(
  output: string,
  { original, force, neededBytes }: OutputFolderOptions,
): Promise<OutputFolder> {
  const parent = path.dirname(output)
  await guardWrite(output, nodeFileSystem.makeFolder(parent))
  await checkOutput(output, original, force)
  const prefix = `.${path.basename(output)}.partial-${hostname()}-`
  await removeLeftOvers(parent, prefix)
  await checkRoom(parent, neededBytes + smallFilesBytes)
  const own = path.join(parent, `${prefix}${process.pid}-${count++}`)
  await guardWrite(output, mkdir(own))
  running.add(own)
  return {
    path: own,
    finish: async (signal) => {
      const files = (await guardWrite(output, readdir(own))).toSorted()
      for (const name of files) await guardWrite(output, settle(path.join(own, name)))
      await guardWrite(output, syncFolder(own))
      if (signal?.aborted) throw new AbortedError('converting was stopped', { cause: signal.reason })
      await replace(own, output, force)
      await guardWrite(output, syncFolder(parent))
      return files
    },
    [Symbol.asyncDispose]: async () => {
      running.delete(own)
      await rm(own, { recursive: true, force: true })
    },
  }
}

async function replace(own: string, output: string, force: boolean): Promise<void> {
  const old = `${own}-old`
  const isThere = force && (await guardWrite(output, statOf(output))) !== undefined
  if (isThere) await guardWrite(output, rename(output, old))
  try {
    await guardWrite(output, rename(own, output))
  } catch (error) {
    if (isThere) await rename(old, output).catch(() => undefined)
    throw error
  }
  if (isThere) await guardWrite(output, rm(old, { recursive: true, force: true }))
}

/** Names say the id of their process: what no living process owns is removed. */
async function removeLeftOvers(parent: string, prefix: string): Promise<void> {
  const names = (await guardWrite(parent, readdir(parent))).filter((name) => name.startsWith(prefix))
  for (const name of names) {
    const place = path.join(parent, name)
    const id = Number.parseInt(name.slice(prefix.length), 10)
    if (running.has(place) || (id !== process.pid && isAlive(id))) continue
    await guardWrite(parent, rm(place, { recursive: true, force: true }))
  }
}

function isAlive(id: number): boolean {
  try {
    process.kill(id, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function checkRoom(parent: string, neededBytes: number): Promise<void> {
  const disk = await statfs(parent).catch(() => undefined)
  const freeBytes = disk === undefined ? Number.POSITIVE_INFINITY : disk.bavail * disk.bsize
  const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`
  if (freeBytes < neededBytes)
    throw new StorageError(
      'OUT_OF_DISK',
      `the conversion needs ${megabytes(neededBytes)} in ${parent}, where ${megabytes(freeBytes)} are free`,
    )
}

/** Readable for others, as files of models are, and on the disk. */
async function settle(file: string): Promise<void> {
  await chmod(file, 0o644)
  const handle = await open(file, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined)
  // Where a folder cannot be opened, as on Windows, there is nothing to sync.
  if (handle === undefined) return
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
