import { existsSync } from 'node:fs'
import path from 'node:path'
import { runInFront, runTogether, tool } from './run.mjs'
import { root } from './setup/paths.mjs'

const format = (...args) => [tool('oxfmt'), ...args]
const lint = (...args) => [tool('oxlint'), ...args]
const typecheck = (...args) => [tool('typescript', 'tsc'), '-b', ...args]
const vitest = (...args) => [tool('vitest'), 'run', ...args]

/** The command line from its sources, in the folder where the user called npm. */
function flexgen(args) {
  const called = process.env.INIT_CWD
  const main = path.join(root, 'apps/cli/src/main.ts')
  return runInFront(['--conditions=@flexgen/source', main, ...args], called && existsSync(called) ? called : root)
}

/** Format, lint and types at once, then every test; the tests run even when a check fails. */
async function test(args) {
  const failed = await runTogether({ format: format('--check'), lint: lint(), types: typecheck() })
  const status = await runInFront(vitest(...args))
  if (failed.length === 0) return status
  process.stderr.write(`failed before the tests, see above: ${failed.join(', ')}\n`)
  return 1
}

/** VitePress over docs/, after the pages of the API reference are written. */
async function docs(command, args) {
  const site = path.join(root, 'packages/docs-site')
  const status = await runInFront(['--conditions=@flexgen/source', path.join(site, 'src/api/main.ts')])
  if (status !== 0) return status
  return runInFront([path.join(site, 'node_modules/vitepress/bin/vitepress.js'), command, 'docs', ...args])
}

/** What can be run after the set-up: each takes the rest of the command line and returns an exit code. */
export const tasks = {
  demo: (args) => flexgen(['demo', ...args]),
  flexgen,
  test,
  'test:long': (args) => runInFront(vitest('--config', 'vitest.long.config.ts', ...args)),
  'test:timed': (args) => runInFront(vitest('--config', 'vitest.timed.config.ts', ...args)),
  // A plain node script: it runs where there is no vitest, too.
  'test:cuda': (args) =>
    runInFront(['--conditions=@flexgen/source', path.join(root, 'packages/core/test/cuda/main.ts'), ...args]),
  build: (args) => runInFront([tool('turbo'), 'run', 'build', '--output-logs=errors-only', ...args]),
  lint: async () => ((await runTogether({ format: format('--check'), lint: lint() })).length > 0 ? 1 : 0),
  format: (args) => runInFront(format(...args)),
  typecheck: (args) => runInFront(typecheck(...args)),
  'docs:build': (args) => docs('build', args),
  'docs:dev': (args) => docs('dev', args),
  'api-reports': () => runInFront([path.join(root, 'packages/tooling/docs/write-api-reports.ts')]),
  'check:packages': async () => (await import('./check-packages.mjs')).checkPackages(),
  // The notes in .changeset become versions and changelogs.
  version: (args) => runInFront([tool('@changesets/cli', 'changeset'), 'version', ...args]),
  release: async (args) => (await import('./release.mjs')).release(args),
  setup: () => 0,
}
