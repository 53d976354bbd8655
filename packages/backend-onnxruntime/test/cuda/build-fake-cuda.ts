import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const native = path.join(here, '../../native')
const kernels = readdirSync(native).filter((name) => name.endsWith('.cu'))
const plain = ['fake-cuda.c', 'fake-cublaslt.c']
const sources = [
  ...[...plain, 'cuda-shim.h', 'fake-kernels.cpp', 'build-fake-cuda.ts'].map((name) => path.join(here, name)),
  ...readdirSync(native)
    .filter((name) => /\.cuh?$/.test(name))
    .map((name) => path.join(native, name)),
]

// glibc's check of jumps knows no fibers, and products that are fused with sums would round otherwise than on a device.
const flags = ['-shared', '-fPIC', '-O2', '-fvisibility=hidden', '-U_FORTIFY_SOURCE', '-ffp-contract=off']
// A device refuses addresses that are not multiples of what is read there, and so does the fake: by ending the process.
const checks = ['-fsanitize=alignment', '-fsanitize-undefined-trap-on-error']

let folder: string | undefined

/** Path of the fake driver with the kernels of native/, compiled once for all processes of a test run. */
export function buildFakeDriver(): string {
  const hash = createHash('sha256')
  for (const source of sources) hash.update(readFileSync(source))
  folder ??= process.env['XDG_CACHE_HOME'] ?? mkdtempSync(path.join(tmpdir(), 'flexgen-fake-cuda-'))
  mkdirSync(folder, { recursive: true })
  const library = path.join(folder, `libfakecuda-${hash.digest('hex').slice(0, 16)}.so`)
  if (existsSync(library)) return library
  const unfinished = `${library}.${process.pid}`
  const driver = plain.flatMap((name) => ['-x', 'c', path.join(here, name)])
  const shim = ['-x', 'c++', '-include', path.join(here, 'cuda-shim.h'), path.join(here, 'fake-kernels.cpp')]
  const parts = [...driver, ...shim, ...kernels.map((name) => path.join(native, name))]
  execFileSync(process.env['CXX'] || 'c++', [...flags, ...checks, '-o', unfinished, ...parts, '-lm', '-ldl'])
  renameSync(unfinished, library)
  return library
}
