import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { settleFastCheckSeed } from './packages/tooling/vitest/fast-check-seed.ts'

const report = process.env.FLEXGEN_TEST_REPORT

// Hardware profiles, histories and offload folders of tests are not those of whoever runs them.
const cacheHome = mkdtempSync(path.join(tmpdir(), 'flexgen-tests-'))
process.on('exit', () => rmSync(cacheHome, { recursive: true, force: true }))

const { seed, isDrawn } = settleFastCheckSeed(process.env)
if (isDrawn) process.stdout.write(`property tests: FLEXGEN_FC_SEED=${seed}\n`)

/** What all suites share; `vitest.long.config.ts` uses it too. */
export const shared = {
  // Workspace packages are taken from their sources: no build before a test.
  ssr: { resolve: { conditions: ['@flexgen/source', 'module', 'node', 'development|production'] } },
  test: {
    pool: 'forks',
    // Vitest leaves one processor to itself: of the two of CI that is half of all.
    maxWorkers: '100%',
    // Processes that tests start run from sources: what Node makes of these is kept for the next one.
    env: { XDG_CACHE_HOME: cacheHome, NODE_COMPILE_CACHE: path.join(cacheHome, 'compiled') },
    setupFiles: [path.join(import.meta.dirname, 'packages/tooling/vitest/seed-fast-check.ts')],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    passWithNoTests: true,
    // .ci/run counts from the JSON report.
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
  },
} satisfies ViteUserConfig

const exclude = ['**/node_modules/**', '**/*.long.test.ts', '**/*.timed.test.ts']

export default defineConfig({
  ...shared,
  test: {
    ...shared.test,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['{packages,apps,examples}/*/src/**/*.test.ts', 'packages/tooling/test/*.test.ts'],
          exclude,
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['{packages,apps,examples}/*/test/**/*.test.ts'],
          exclude: [...exclude, 'packages/tooling/**'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
