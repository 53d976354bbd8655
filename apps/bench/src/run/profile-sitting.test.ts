import { expect, it } from 'vitest'
import { predictedBy } from './profile-sitting.ts'
import type { Side } from './side.ts'

it('a sitting is predicted by its own profile, and not corrected by its own runs', () => {
  const theirs: Side = { kind: 'command', title: 'theirs', command: 'python theirs.py' }
  const ours = {
    kind: 'flexgen',
    title: 'ours',
    settings: { hardware: undefined, history: true, seed: 3 },
  } as unknown as Side
  expect(predictedBy('hardware.json', [ours, theirs])).toEqual([
    { kind: 'flexgen', title: 'ours', settings: { hardware: 'hardware.json', history: false, seed: 3 } },
    theirs,
  ])
})
