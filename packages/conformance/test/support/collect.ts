import type { TestKit } from '../../src/index.ts'

/** Collects the tests of a suite by title instead of running them. */
export function collect(suite: (kit: TestKit) => void): Map<string, () => Promise<void>> {
  const tests = new Map<string, () => Promise<void>>()
  suite({ describe: (_name, body) => body(), it: (title, body) => tests.set(title, body) })
  return tests
}
