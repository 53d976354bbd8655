import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { compileLibrary } from '../src/index.ts'
import { findCompiler } from '../src/library/find-compiler.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const vitest = path.join(path.dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')
const suites = ['conformance', 'four-bit', 'half-compute', 'random-kernels', 'special-values']

/** What must be in the process before anything else, since Node itself is built without sanitizers; else why not. */
function findRuntimes(): { readonly preload: string } | { readonly problem: string } {
  const compiler = findCompiler()
  if (compiler === undefined) return { problem: 'there is no C compiler' }
  if (process.platform !== 'linux') return { problem: 'libraries are preloaded on Linux only' }
  const files = ['libasan.so', 'libubsan.so'].map((name) =>
    spawnSync(compiler.command, [`-print-file-name=${name}`], { encoding: 'utf8' }).stdout.trim(),
  )
  // A compiler gives the bare name back where it has no such library.
  const isThere = files.every((file) => path.isAbsolute(file))
  return isThere ? { preload: files.join(' ') } : { problem: `${compiler.version} has no shared sanitizers` }
}

const runtimes = findRuntimes()
if ('problem' in runtimes) process.stdout.write(`sanitizers of the host kernels are skipped: ${runtimes.problem}\n`)

it.skipIf('problem' in runtimes)('the tests find nothing with address and undefined-behaviour sanitizers', async () => {
  if ('problem' in runtimes) return
  const folder = mkdtempSync(path.join(tmpdir(), 'flexgen-sanitize-'))
  const report = path.join(folder, 'report.json')
  try {
    const library = await compileLibrary({ sanitize: 'address,undefined' })
    const files = suites.map((name) => `packages/backend-native/test/${name}.test.ts`)
    const child = spawn(process.execPath, [vitest, 'run', '--reporter=json', `--outputFile=${report}`, ...files], {
      cwd: root,
      env: {
        ...process.env,
        // It would send the report of these tests where the outer run writes its own.
        FLEXGEN_TEST_REPORT: undefined,
        FLEXGEN_NATIVE_LIBRARY: library,
        LD_PRELOAD: runtimes.preload,
        // What Node leaves behind at its end is no leak of ours.
        ASAN_OPTIONS: 'detect_leaks=0',
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const said: string[] = []
    child.stderr.setEncoding('utf8').on('data', (text: string) => void said.push(text))
    const status = await new Promise((resolve) => child.once('close', resolve))
    expect({ status, said: said.join('').slice(-4000) }).toMatchObject({ status: 0 })
    const { numPassedTests, numTotalTests } = JSON.parse(readFileSync(report, 'utf8')) as Record<string, number>
    expect(numPassedTests).toBe(numTotalTests)
    expect(numPassedTests).toBeGreaterThan(300)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
