import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { BackendUnavailableError } from '@flexgen/spec'
import { type Compiler, findCompiler } from './find-compiler.ts'

/** How the library is compiled. */
export interface CompileOptions {
  /** Sanitizers that are built in, such as `address,undefined`; `FLEXGEN_NATIVE_SANITIZE` by default. */
  readonly sanitize?: string | undefined
}

const packageFolder = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')
const sourceFolder = path.join(packageFolder, 'native')
const baseFlags = ['-std=c11', '-O2', '-fPIC', '-pthread', '-fvisibility=hidden']

/** Where a compiler is to be found, for people. */
export const compilerHint =
  'install a C compiler (Debian: apt install gcc, macOS: xcode-select --install), or set CC to one'

/**
 * Path of the library, compiled by the C compiler of this machine where this was not done yet: it takes seconds, and is kept
 * by sources, flags and compiler.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE` where there is no compiler, or it fails
 */
export async function compileLibrary(options: CompileOptions = {}): Promise<string> {
  const compiler = findCompiler()
  if (compiler === undefined) {
    throw new BackendUnavailableError('there is neither a built library of the host kernels nor a C compiler', {
      hint: compilerHint,
    })
  }
  const { sanitize = process.env['FLEXGEN_NATIVE_SANITIZE'] } = options
  const flags = [
    ...baseFlags,
    ...(sanitize ? [`-fsanitize=${sanitize}`, '-O1', '-DFX_NO_UNROLL', '-g', '-fno-sanitize-recover=undefined'] : []),
  ]
  const folder = cacheFolder()
  const target = path.join(folder, `flexgen-${keyOf(compiler, flags)}.${extension()}`)
  if (!existsSync(target)) await compile(compiler, flags, folder, target)
  return target
}

/** Compiles in a folder beside the target and moves the result into place, so that nobody ever loads half a library. */
async function compile(compiler: Compiler, flags: readonly string[], folder: string, target: string): Promise<void> {
  const unfinished = `${target}.${process.pid}`
  mkdirSync(unfinished, { recursive: true })
  const run = (...args: string[]): Promise<unknown> =>
    promisify(execFile)(compiler.command, [...flags, ...args], { cwd: sourceFolder })
  try {
    // Each source on its own, side by side: the four instruction sets take most of the time.
    const sources = readdirSync(sourceFolder).filter((name) => name.endsWith('.c'))
    const objects = sources.map((name) => path.join(unfinished, `${name}.o`))
    await Promise.all(sources.map((name, i) => run('-c', '-o', objects[i]!, name)))
    const linked = path.join(unfinished, 'linked')
    await run('-shared', '-o', linked, ...objects, ...linkFlags(), '-lm')
    renameSync(linked, target)
  } catch (cause) {
    const said = String((cause as { stderr?: unknown }).stderr || cause).split('\n', 1)[0]!
    throw new BackendUnavailableError(`${compiler.command} cannot compile the host kernels: ${said}`, {
      hint: `${compiler.version} may be too old (gcc 10 or clang 11 is needed), or ${folder} cannot be written`,
      cause,
    })
  } finally {
    rmSync(unfinished, { force: true, recursive: true })
  }
}

/** The threads of the library may still run when the process ends: it must stay mapped. */
function linkFlags(): string[] {
  return process.platform === 'linux' ? ['-Wl,-z,nodelete'] : []
}

function keyOf(compiler: Compiler, flags: readonly string[]): string {
  const hash = createHash('sha256')
  hash.update(JSON.stringify([compiler.command, compiler.version, flags, process.platform, process.arch]))
  for (const name of readdirSync(sourceFolder, { recursive: true, encoding: 'utf8' }).toSorted())
    if (/\.[ch]$/.test(name)) hash.update(`${name}\0`).update(readFileSync(path.join(sourceFolder, name)))
  return hash.digest('hex').slice(0, 16)
}

/** The package's own folder, as in a checkout; the user's cache where the package cannot be written. */
function cacheFolder(): string {
  const named = process.env['FLEXGEN_NATIVE_CACHE']
  if (named) return path.resolve(named)
  try {
    accessSync(packageFolder, constants.W_OK)
    return path.join(packageFolder, '.cache')
  } catch {
    return path.join(process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'flexgen', 'native')
  }
}

function extension(): string {
  return process.platform === 'darwin' ? 'dylib' : 'so'
}
