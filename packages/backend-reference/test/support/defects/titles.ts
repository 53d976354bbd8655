/** Titles of tests of operators. */
export function agree(...names: readonly string[]): string[] {
  return names.map((name) => `${name} agrees with the oracle`)
}

/** Titles of a test of order, of copies and of kernels. */
export function both(title: string): string[] {
  return [`copies: ${title}`, `kernels: ${title}`]
}

/** Titles of the tests of attention scenarios. */
export const scenarios: readonly string[] = [
  'ragged prompts and decode steps',
  'one sequence of one token',
  'several query heads on a kv head',
  'one kv head for all',
  'prompts in chunks',
  'sparse decode',
  'caches that are filled to the last position',
].map((scenario) => `Attention agrees with the oracle: ${scenario}`)
