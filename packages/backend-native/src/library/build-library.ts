// The set-up of a checkout runs this before any package is installed: nothing but Node's own modules is imported.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { type Compiler, findCompiler } from './find-compiler.ts'
import { compilerKey, libraryExtension, libraryFolder, sourceFiles, sourceFolder, sourcesKey } from './library-place.ts'

/** How the library is compiled. */
export interface BuildOptions {
  /** Sanitizers that are built in, such as `address,undefined`. */
  readonly sanitize?: string | undefined
  /** Further flags of every call of the compiler. */
  readonly flags?: readonly string[]
  /** Where it is kept; the package's own cache by default. */
  readonly folder?: string
}

/** A library, or why there is none and what helps. */
export type BuildResult =
  | { readonly path: string; readonly compiler?: string; readonly seconds?: number }
  | { readonly problem: string; readonly hint: string; readonly cause?: unknown }

const baseFlags = ['-std=c11', '-O2', '-fPIC', '-pthread', '-fvisibility=hidden']
// The threads of the library may still run when the process ends: it must stay mapped.
const linkFlags = process.platform === 'linux' ? ['-Wl,-z,nodelete'] : []

/** What helps where no C compiler is found. */
export const compilerHint =
  'install a C compiler (Debian: apt install gcc, macOS: xcode-select --install), or set CC to one'

/**
 * Compiles the library where this was not done yet: it takes seconds, and is kept by sources, flags and compiler. One
 * that was compiled from these sources before does also where the compiler is gone.
 */
export async function buildLibrary(options: BuildOptions = {}): Promise<BuildResult> {
  const { sanitize, flags: more = [], folder = libraryFolder() } = options
  const flags = [
    ...baseFlags,
    ...(sanitize ? [`-fsanitize=${sanitize}`, '-O1', '-DFX_NO_UNROLL', '-g', '-fno-sanitize-recover=undefined'] : []),
    ...more,
  ]
  const key = sourcesKey(flags)
  const compiler = findCompiler()
  if (compiler === undefined) {
    const kept = findKept(folder, key)
    if (kept !== undefined) return { path: kept }
    return { problem: 'there is neither a built library of the host kernels nor a C compiler', hint: compilerHint }
  }
  const target = path.join(folder, `flexgen-${key}-${compilerKey(compiler)}.${libraryExtension}`)
  if (existsSync(target)) return { path: target }
  const startMs = performance.now()
  try {
    await compile(compiler, flags, target)
  } catch (cause) {
    const said = String((cause as { stderr?: unknown }).stderr || cause).split('\n', 1)[0]!
    return {
      problem: `${compiler.command} cannot compile the host kernels: ${said}`,
      hint: `${compiler.version} may be too old (gcc 10 or clang 11 is needed), or ${folder} cannot be written`,
      cause,
    }
  }
  return { path: target, compiler: compiler.version, seconds: (performance.now() - startMs) / 1000 }
}

function findKept(folder: string, key: string): string | undefined {
  const isKept = (name: string): boolean => name.startsWith(`flexgen-${key}-`) && name.endsWith(`.${libraryExtension}`)
  const name = existsSync(folder) ? readdirSync(folder).find(isKept) : undefined
  return name && path.join(folder, name)
}

/** Compiles in a folder beside the target and moves the result into place, so that nobody ever loads half a library. */
async function compile(compiler: Compiler, flags: readonly string[], target: string): Promise<void> {
  const unfinished = `${target}.${process.pid}`
  mkdirSync(unfinished, { recursive: true })
  const run = async (...args: string[]): Promise<void> => {
    await promisify(execFile)(compiler.command, [...flags, ...args], { cwd: sourceFolder })
  }
  try {
    // Each source on its own, side by side. The instruction sets take most of the time and come first.
    const sources = sourceFiles().filter((name) => name.endsWith('.c'))
    const waiting = sources.toSorted((a, b) => Number(b.startsWith('level-')) - Number(a.startsWith('level-')))
    const objectOf = (name: string): string => path.join(unfinished, `${name}.o`)
    const work = async (): Promise<void> => {
      for (let name = waiting.shift(); name !== undefined; name = waiting.shift())
        await run('-c', '-o', objectOf(name), name)
    }
    await Promise.all(Array.from({ length: availableParallelism() }, work))
    const linked = path.join(unfinished, 'linked')
    await run('-shared', '-o', linked, ...sources.map(objectOf), ...linkFlags, '-lm')
    renameSync(linked, target)
  } finally {
    rmSync(unfinished, { force: true, recursive: true })
  }
}
