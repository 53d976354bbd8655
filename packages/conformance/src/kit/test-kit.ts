/** The test functions that a suite registers its tests with: vitest's or node:test's. */
export interface TestKit {
  describe(name: string, body: () => void): unknown
  it(name: string, body: () => Promise<void>): unknown
}
