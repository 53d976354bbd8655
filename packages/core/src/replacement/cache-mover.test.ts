import { expect, it } from 'vitest'
import type { AttentionPlace } from '../engine/cache-lane.ts'
import type { MovingRow } from '../engine/cache-moves.ts'
import type { CacheUnit } from '../engine/cache-units.ts'
import type { LoadedParts } from '../engine/loaded-parts.ts'
import type { BlockCache } from './block-cache.ts'
import { CacheMover } from './cache-mover.ts'
import type { DeviceRoom } from './device-room.ts'
import type { RamRoom } from './ram-room.ts'

/** KV in RAM, attended here and there, as a mover sees it. */
function blockOf(places: readonly (readonly AttentionPlace[])[]): { block: BlockCache; now: () => AttentionPlace[][] } {
  const units = places.map((layer) => layer.map((attends): CacheUnit => ({ home: 'ram', attends, inPlace: {} })))
  const store = {
    layers: units.length,
    unitAt: (layer: number, id: number) => units[layer]![id],
    attendAt: (unit: { attends: AttentionPlace }, place: AttentionPlace) => void (unit.attends = place),
  }
  const block = { store, moves: { isMoving: () => false }, plan: {} } as unknown as BlockCache
  return { block, now: () => units.map((layer) => layer.map(({ attends }) => attends)) }
}

const parts = { attentionHost: {}, options: { policy: { gpuBatchSize: 2 } } } as unknown as LoadedParts
const room = { isHost: false, makeSlots: () => Promise.resolve(true) } as unknown as DeviceRoom

it('takes a shift back unit by unit, and a second time nothing', async () => {
  const places: AttentionPlace[][] = [
    ['host', 'device', 'host', 'device'],
    ['device', 'device', 'host', 'host'],
    ['device', 'host', 'device', 'host'],
  ]
  const { block, now } = blockOf(places)
  const rows = [0, 1, 2, 3].map((id) => ({ id }) as MovingRow)
  for (const place of ['host', 'device'] as const) {
    const mover = new CacheMover({ parts, room, ramRoom: {} as RamRoom, onRefusal: () => {} })
    mover.setBlock(block)
    expect(await mover.attend(rows, place, 3)).toBe(3)
    expect(now()).not.toEqual(places)
    expect([mover.takeBack(), mover.takeBack()]).toEqual([3, 0])
    expect(now()).toEqual(places)
  }
})
