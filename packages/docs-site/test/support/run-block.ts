import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Fence } from '../../src/fences.ts'
import type { ReaderFolder } from './reader-folder.ts'

/** Languages of what is not for a machine to run. */
const texts = new Set(['', 'text', 'txt', 'md'])

/** Whether a block is there to be run, or read, by a program: a test must do so, or the block say why it cannot. */
export const isForMachines = ({ language, isOutput, needs }: Fence): boolean =>
  !texts.has(language) && !isOutput && needs.length === 0

/** Writes the file of a `file=` block. */
function writeFile(name: string, text: string, folder: ReaderFolder): void {
  const file = path.join(folder.path, name)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, text)
}

/** What runs a block of that language; a language that nothing runs has to be marked. */
function commandOf({ language, text, line }: Fence, folder: ReaderFolder): [command: string, args: string[]] {
  if (language === 'sh') return ['bash', ['-euo', 'pipefail', '-c', text]]
  if (language !== 'ts') throw new Error(`no test runs '${language}': mark the block with output, needs= or file=`)
  const file = `block-${line}.ts`
  writeFile(file, text, folder)
  return [process.execPath, ['--conditions=@flexgen/source', file]]
}

/** Runs a block in the folder, or writes its file there; returns the exit code and all that was said. */
export function runBlock(
  fence: Fence,
  folder: ReaderFolder,
  timeoutMs: number,
): { status: number | null; said: string } {
  if (fence.language === 'json') JSON.parse(fence.text)
  if (fence.file !== undefined) writeFile(fence.file, fence.text, folder)
  if (fence.file !== undefined || fence.language === 'json') return { status: 0, said: '' }
  const { status, stdout, stderr } = spawnSync(...commandOf(fence, folder), {
    cwd: folder.path,
    env: folder.env,
    encoding: 'utf8',
    // A pipe of Node is a socket, for which bash takes itself to be a remote shell and reads the start-up files of the machine.
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    maxBuffer: 64 * 2 ** 20,
  })
  return { status, said: stdout + stderr }
}
