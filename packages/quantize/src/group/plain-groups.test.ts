import { createRandom, floatTensor, type Random } from '@flexgen/conformance'
import { describe, expect, it } from 'vitest'
import { quantizeRows } from '../quantize-rows.ts'
import { float16Values } from './float16-bits.ts'

const { fround } = Math

/** Nibbles of a group by the formula as it stands, one rounding to float32 after the other. */
function plainNibbles(values: Float32Array): number[] {
  const least = Math.min(...values)
  const multiplier = fround(fround(1 / fround(Math.max(...values) - least)) * 15)
  return [...values].map((value) => {
    const scaled = fround(fround(value - least) * multiplier)
    const below = Math.floor(scaled)
    const rest = scaled - below
    return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below
  })
}

/** Groups in which many values lie half way between two nibbles, or nearly so. */
const makers: Readonly<Record<string, (random: Random) => number>> = {
  'small integers': (random) => random.integer(0, 60),
  'multiples of a small step': (random) => random.integer(-300, 300) / 1024,
  'a middle and small numbers beside it': (random) => random.pick([-1, 1, 0]) * 2 ** random.integer(-24, 6),
  'any float16 numbers': (random) => float16Values()[random.integer(0, 0x7bff) + random.pick([0, 0x8000])]!,
  'numbers of one magnitude': (random) => 4 + random.integer(0, 1023) / 256,
}

describe.each(Object.entries(makers))('groups of %s', (_, make) => {
  it('have the nibbles of the formula', () => {
    const random = createRandom(7)
    for (let group = 0; group < 1500; group++) {
      const scale = 2 ** random.integer(-3, 3)
      const count = random.integer(2, 64)
      const few = Float32Array.from({ length: count }, () => make(random) * scale)
      const { bytes } = floatTensor(
        [64],
        Float32Array.from({ length: 64 }, (_value, i) => few[i % count]!),
        'float16',
      )
      const halves = new Uint16Array(bytes.buffer)
      const values = Float32Array.from(halves, (bits) => float16Values()[bits]!)
      const ofHalves = new Uint8Array(36)
      if (quantizeRows('float16', halves, 64, ofHalves) > 0) continue
      const ofFloats = new Uint8Array(36)
      quantizeRows('float32', values, 64, ofFloats)
      expect(ofFloats).toEqual(ofHalves)
      if (ofHalves[32] === 0 && ofHalves[33] === 0) continue
      const nibbles = [...ofHalves.subarray(0, 32)].flatMap((pair) => [pair >> 4, pair & 15])
      expect(nibbles).toEqual(plainNibbles(values))
    }
  })
})
