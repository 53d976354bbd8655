import { defineConfig } from 'vitest/config'
import { shared } from './vitest.config.ts'

/** `npm run test:timed`: what measures time, and so needs a quiet machine; by hand, never in CI. */
export default defineConfig({
  ...shared,
  test: {
    ...shared.test,
    include: ['{packages,apps}/*/test/**/*.timed.test.ts'],
    fileParallelism: false,
    testTimeout: 1_200_000,
  },
})
