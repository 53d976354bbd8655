import { expect, it } from 'vitest'
import type { CacheHome } from '../engine/cache-units.ts'
import { moveHomes } from './move-homes.ts'

const home = (name: CacheHome['home']): CacheHome => ({ home: name, attends: 'device' })

it('takes homes from the end of every layer in turn, as many as there are', () => {
  const homes = [
    [home('device'), home('device'), home('disk')],
    [home('device'), home('ram'), home('disk')],
  ]
  const names = (count: number): unknown => {
    const { homes: now, moved } = moveHomes(homes, ['device'], home('disk'), count)
    return [moved, now.map((layer) => layer.map((each) => each.home).join(' '))]
  }
  expect(names(0)).toEqual([0, ['device device disk', 'device ram disk']])
  expect(names(2)).toEqual([2, ['device disk disk', 'disk ram disk']])
  expect(names(9)).toEqual([3, ['disk disk disk', 'disk ram disk']])
})
