/** Names of all fixtures, which are the names of their folders. */
export const fixtureNames = [
  'pre-norm',
  'post-norm',
  'head-dim-80',
  'sharded',
  'float16',
  'bfloat16',
  'untied',
  'facebook-bin',
  'facebook-bin-sharded',
] as const

/** Name of a fixture. */
export type FixtureName = (typeof fixtureNames)[number]
