import { defineConfig } from 'vitest/config'
import { shared } from './vitest.config.ts'

/** `npm run test:long`: the suites that take minutes, one file after the other, since they measure memory. */
export default defineConfig({
  ...shared,
  test: {
    ...shared.test,
    include: ['{packages,apps}/*/{src,test}/**/*.long.test.ts'],
    fileParallelism: false,
    testTimeout: 1_200_000,
    hookTimeout: 600_000,
  },
})
