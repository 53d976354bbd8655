import { expect, it } from 'vitest'
import { workingSetBytes } from './working-set.ts'

const [mib, gib] = [2 ** 20, 2 ** 30]

it.each<[what: string, cacheBytes: number, freeBytes: number, bytes: number]>([
  ['what is asked for where caches are small or unknown', 0, 100 * gib, gib],
  ['that with a cache of 32 MiB, too', 32 * mib, 100 * gib, gib],
  ['16 times a cache of 105 MiB', 105 * mib, 100 * gib, 1680 * mib],
  ['4 GiB at most', 768 * mib, 100 * gib, 4 * gib],
  ['an eighth of what is free on a small machine', 105 * mib, 2 * gib, gib / 4],
])('the working set is %s', (_, cacheBytes, freeBytes, bytes) => {
  expect(workingSetBytes({ cacheBytes, freeBytes }, gib, 16)).toBe(bytes)
})
