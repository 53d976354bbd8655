import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { defineConfig, type ViteUserConfig } from 'vitest/config'

const report = process.env.FLEXGEN_TEST_REPORT

// Hardware profiles, histories and offload folders of tests are not those of whoever runs them.
const cacheHome = mkdtempSync(path.join(tmpdir(), 'flexgen-tests-'))
process.on('exit', () => rmSync(cacheHome, { recursive: true, force: true }))

/** What all suites share; `vitest.long.config.ts` uses it too. */
export const shared = {
  // Workspace packages are taken from their sources: no build before a test.
  ssr: { resolve: { conditions: ['@flexgen/source', 'module', 'node', 'development|production'] } },
  test: {
    pool: 'forks',
    env: { XDG_CACHE_HOME: cacheHome },
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
          include: ['{packages,apps}/*/src/**/*.test.ts', 'packages/tooling/test/*.test.ts'],
          exclude,
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['{packages,apps}/*/test/**/*.test.ts'],
          exclude: [...exclude, 'packages/tooling/**'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
