import { createDummySource } from '@flexgen/checkpoint'
import { createOptModel, optFamily } from '@flexgen/opt'
import { describe, expect, it } from 'vitest'
import { placeCacheLikeFlexgen, placeWeightsLikeFlexgen } from './place-like-flexgen.ts'
import { percentOf, weightBytesByTier } from './summary.ts'
import { listWeightUnits } from './weight-unit.ts'

function percent([device = 0, ram = 0]: readonly number[]): { device: number; ram: number; disk: number } {
  return { device, ram, disk: 100 - device - ram }
}

const model = createOptModel(optFamily.builtinConfig('opt-30b'))
const tensors = model.layers.flatMap(({ weights }) =>
  weights.flatMap(({ parts }) => parts.map(({ tensor, shape }) => ({ name: tensor, shape }))),
)
const units = listWeightUnits(model.layers, createDummySource({ tensors, dtype: 'float16', seed: 1 }))

describe('placeWeightsLikeFlexgen', () => {
  // What FlexGen realises of OPT-30B, computed from its code (device, RAM).
  it.each([
    [12, 78, 0.06, 99.94],
    [20, 80, 8.19, 91.81],
    [30, 70, 40.71, 59.29],
    [50, 50, 50, 50],
    [52, 48, 51.2, 48.8],
    [63, 37, 59.4, 40.6],
    [76, 24, 91.9, 8.1],
    [88, 12, 100, 0],
  ])('turns %d/%d of OPT-30B into %d/%d', (device, ram, realisedDevice, realisedRam) => {
    const placement = placeWeightsLikeFlexgen(units, percent([device, ram]))
    const realised = percentOf(weightBytesByTier(units, placement))
    expect(Math.abs(realised.device - realisedDevice)).toBeLessThan(0.06)
    expect(Math.abs(realised.ram - realisedRam)).toBeLessThan(0.06)
  })

  it('covers every byte of every unit once', () => {
    placeWeightsLikeFlexgen(units, percent([38, 40])).forEach((place, i) => {
      if (place.tier === 'device') return
      let end = 0
      for (const block of place.blocks) {
        expect(block.byteOffset).toBe(end)
        end += block.byteLength
      }
      expect(end).toBe(units[i]!.sizeBytes)
    })
  })
})

describe('placeCacheLikeFlexgen', () => {
  it.each([
    [0, 99, 0, 31, 1],
    [0, 98, 0, 31, 1],
    [3, 96, 0, 30, 2],
    [4, 96, 1, 31, 0],
    [12, 78, 3, 24, 5],
  ])('cuts 32 sequences at %d/%d into %d, %d and %d', (device, ram, ...counts) => {
    const homes = placeCacheLikeFlexgen(percent([device, ram]), 32)
    const count = (home: string): number => homes.filter((other) => other === home).length
    expect([count('device'), count('ram'), count('disk')]).toEqual(counts)
  })
})
