import { spawnSync } from 'node:child_process'

/** A C compiler of this machine. */
export interface Compiler {
  readonly command: string
  /** First line of what `--version` says. */
  readonly version: string
}

/** The compiler in `CC`, else the first of cc, gcc and clang that runs. */
export function findCompiler(): Compiler | undefined {
  const named = process.env['CC']
  for (const command of named ? [named] : ['cc', 'gcc', 'clang']) {
    const { status, stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' })
    if (status === 0) return { command, version: stdout.split('\n', 1)[0]! }
  }
  return undefined
}
