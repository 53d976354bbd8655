import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll } from 'vitest'

const main = path.join(import.meta.dirname, '../src/main.ts')

/** How a run of the command ended. */
export interface CliResult {
  /** Exit code; -1 where a signal ended the process. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Where a run happens. */
export interface CliPlace {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** What standard input holds; nothing by default. With `open` it is the test's to write and end. */
  readonly input?: string | { readonly open: true }
  /** Command with its arguments that runs the command, such as one that sets limits. */
  readonly launcher?: readonly string[]
}

/** A run of the command that is under way. */
export interface CliRun {
  readonly child: ChildProcessWithoutNullStreams
  readonly ended: Promise<CliResult>
}

/** A temporary folder of a test file, removed after its tests. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'flexgen-cli-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A home of its own: no settings of the machine, no scratch files of other tests. */
export const home = temporaryFolder()

/** Starts the command from its sources. */
export function startCli(args: readonly string[], place: CliPlace = {}): CliRun {
  const { cwd = home, env = {}, input = '', launcher = [] } = place
  const [command = '', ...words] = [...launcher, process.execPath, '--conditions=@flexgen/source', main, ...args]
  const { PATH, NODE_COMPILE_CACHE } = process.env
  const child = spawn(command, words, { cwd, env: { PATH, NODE_COMPILE_CACHE, HOME: home, ...env } })
  // A run that fails early does not read its input.
  child.stdin.on('error', () => undefined)
  if (typeof input === 'string') child.stdin.end(input)
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => (output[name] += text))
  }
  const ended = new Promise<CliResult>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code: code ?? -1, ...output }))
  })
  return { child, ended }
}

/** Runs the command to its end. */
export function runCli(args: readonly string[], place?: CliPlace): Promise<CliResult> {
  return startCli(args, place).ended
}

/** Subfolders that runs have in an offload directory. */
export function scratchFolders(offloadDir: string): string[] {
  try {
    return readdirSync(offloadDir)
  } catch {
    return []
  }
}

/** Waits until something holds, at most 20 seconds; returns whether it did. */
export async function waitUntil(holds: () => boolean): Promise<boolean> {
  const endMs = performance.now() + 20_000
  while (!holds() && performance.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 20))
  return holds()
}
