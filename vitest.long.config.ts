import { defineConfig } from 'vitest/config'
import { LongestFirst } from './packages/tooling/vitest/longest-first.ts'
import { shared } from './vitest.config.ts'

/**
 * `npm run test:long`: the suites that take minutes. What they measure of memory is of processes of their own, so that they run
 * side by side like all others.
 */
export default defineConfig({
  ...shared,
  test: {
    ...shared.test,
    include: ['{packages,apps,examples}/*/{src,test}/**/*.long.test.ts'],
    sequence: { sequencer: LongestFirst },
    testTimeout: 1_200_000,
    hookTimeout: 600_000,
  },
})
