import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { ensureOldestNode, oldestNodeVersion } from '../../../../scripts/packed/oldest-node.mjs'
import { installProject } from '../../../../scripts/packed/install-project.mjs'
import { packPackages } from '../../../../scripts/packed/pack-packages.mjs'
import { tool } from '../../../../scripts/run.mjs'
import { compilersInPath } from '../../../../scripts/setup/host-kernels.mjs'
import { root } from '../../../../scripts/setup/paths.mjs'

/** Whether the host kernels can be compiled here: the prebuilt ones are not packed, `check:packages` has a look at them. */
export const hasHostKernels: boolean = compilersInPath().length > 0

/** What a process left. */
export interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A project outside of the repository, which has only what was installed into it. */
export interface PackageProject extends Disposable {
  readonly folder: string
  /** Runs node on a script of the project. */
  run(script: string, node?: string, args?: readonly string[]): Promise<Ran>
  /** Compiles a TypeScript source as strictly as can be, our declarations included; returns what the compiler said. */
  compile(name: string, source: string): Promise<string>
}

/** Every tarball by the name of its package, packed from the checkout as it is. */
export const tarballs: Map<string, string> = await packPackages()

const oldest = await ensureOldestNode()

/** Versions of Node that the packages run on: this one, and the oldest that they promise. */
export const nodes: readonly (readonly [version: string, file: string])[] = [
  [process.versions.node, process.execPath],
  ...(oldest === undefined ? [] : [[oldestNodeVersion, oldest] as const]),
]

const compilerOptions = {
  target: 'es2022',
  lib: ['es2024', 'esnext.disposable'],
  module: 'nodenext',
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  types: ['node'],
  typeRoots: [path.join(root, 'node_modules/@types')],
}

/** Complaints about declarations of others, such as TensorFlow.js, which needs those of a browser. */
const inOthers = /^node_modules\/\.pnpm\/(?!@flexgen\+|flexgen@).*\n(?:\s.*\n)*/gm

/** Installs packages into an empty project: names of packed ones, or `name@version`; `without` leaves out optional ones of theirs. */
export async function createPackageProject(
  packages: readonly string[],
  without: readonly string[] = [],
): Promise<PackageProject> {
  const folder = mkdtempSync(path.join(tmpdir(), 'flexgen-project-'))
  await installProject(folder, tarballs, packages, [...without])
  return {
    folder,
    run: (script, node = process.execPath, args = []) => runNode(node, [script, ...args], folder),
    compile: async (name, source) => {
      writeFileSync(path.join(folder, `${name}.ts`), source)
      const config = { compilerOptions, files: [`${name}.ts`] }
      writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(config))
      const { stdout } = await runNode(
        process.execPath,
        [tool('typescript', 'tsc'), '-p', '.', '--pretty', 'false'],
        folder,
      )
      return stdout.replaceAll(inOthers, '')
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** Puts the demo model into a folder, as somebody's own checkpoint. */
export function copyDemoModel(target: string): void {
  mkdirSync(path.dirname(target), { recursive: true })
  cpSync(path.join(root, 'packages/demo-model/model'), target, { recursive: true })
}

/** Settings of this test run are none of the user's, least of all where else modules lie (NODE_PATH, by pnpm); the host kernels are those that the checkout has compiled, if it has. */
const environment = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(FLEXGEN|VITEST|NODE_)/.test(name))),
  FLEXGEN_NATIVE_CACHE: path.join(root, 'packages/backend-native/.cache'),
}

/** Runs node to its end. */
export async function runNode(node: string, args: readonly string[], cwd: string): Promise<Ran> {
  const child = spawn(node, args, { cwd, env: environment, stdio: ['ignore', 'pipe', 'pipe'], timeout: 120_000 })
  const ended = once(child, 'close')
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  const [status] = (await ended) as [number | null]
  return { status, stdout, stderr }
}
