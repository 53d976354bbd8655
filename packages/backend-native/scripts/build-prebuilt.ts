// `node build-prebuilt.ts [--remove]` in the folder of a per-platform package: builds its library for this machine, or
// removes it. Runs when the package is packed, so that no binary is committed and none outlives its sources.
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { buildLibrary } from '../src/library/build-library.ts'
import { prebuiltPackages } from '../src/library/prebuilt-packages.ts'

/** What Node 22 needs itself. */
const newestGlibc = [2, 28] as const

interface Manifest {
  readonly name: string
  readonly files: readonly [string]
}

const fail = (message: string): never => {
  process.stderr.write(`build-prebuilt: ${message}\n`)
  process.exit(1)
}

/** The newest version of glibc that the library asks for. */
function glibcOf(library: string): readonly [number, number] {
  const symbols = execFileSync('objdump', ['-T', library], { encoding: 'utf8' })
  const versions = [...symbols.matchAll(/GLIBC_(\d+)\.(\d+)/g)].map(
    ([, major, minor]) => [Number(major), Number(minor)] as const,
  )
  return versions.reduce((a, b) => ((a[0] - b[0] || a[1] - b[1]) > 0 ? a : b), [0, 0])
}

async function build(target: string): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'flexgen-prebuilt-'))
  try {
    // Every instruction set is in it and chosen at run time; everything else is for the plainest processor.
    const flags = process.platform === 'linux' ? ['-include', path.join(import.meta.dirname, 'old-glibc.h'), '-s'] : []
    const result = await buildLibrary({ flags, folder })
    if (!('path' in result)) return fail(`${result.problem}\nhint: ${result.hint}`)
    if (name.endsWith('-gnu')) {
      const [major, minor] = glibcOf(result.path)
      if (major > newestGlibc[0] || (major === newestGlibc[0] && minor > newestGlibc[1]))
        return fail(`the library needs glibc ${major}.${minor}; ${newestGlibc.join('.')} at most may be asked for`)
      process.stdout.write(`built for glibc ${major}.${minor} and newer by ${result.compiler}\n`)
    }
    copyFileSync(result.path, target)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const { name, files } = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest
const target = path.resolve(files[0])
if (process.argv[2] === '--remove') rmSync(target, { force: true })
else if (prebuiltPackages().includes(name)) await build(target)
else fail(`${name} cannot be built on ${process.platform} ${process.arch}`)
