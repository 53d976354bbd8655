import type { WeightSpec } from '@flexgen/spec'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { placeWeights, rowBlockMaxBytes } from './place-weights.ts'
import { weightBytesByTier } from './summary.ts'
import type { WeightUnit } from './weight-unit.ts'

/** Units as OPT has them: embeddings, stacked q/k/v, out, fc1, fc2 with their vectors, vocabulary. */
function optUnits(hidden: number, layers: number, vocabulary: number): WeightUnit[] {
  const unit = (layer: number, shape: number[]): WeightUnit => ({
    layer,
    spec: { name: 'w', shape, parts: [], access: 'whole' } satisfies WeightSpec,
    dtype: 'float16',
    sizeBytes: 2 * shape.reduce((a, b) => a * b, 1),
    kind: shape.length === 1 ? 'vector' : 'matrix',
  })
  const blocks = Array.from({ length: layers }, (_, i) => [
    unit(1 + 2 * i, [hidden]),
    unit(1 + 2 * i, [3 * hidden, hidden]),
    unit(1 + 2 * i, [3 * hidden]),
    unit(1 + 2 * i, [hidden, hidden]),
    unit(2 + 2 * i, [4 * hidden, hidden]),
    unit(2 + 2 * i, [hidden, 4 * hidden]),
  ])
  return [
    unit(0, [vocabulary, hidden]),
    unit(0, [2050, hidden]),
    ...blocks.flat(),
    unit(1 + 2 * layers, [vocabulary, hidden]),
  ]
}

// In a toy of a few layers no set of its matrices may come near enough; every real size has twelve or more.
const models = fc.record({
  hidden: fc.constantFrom(768, 2048, 4096, 7168),
  layers: fc.integer({ min: 12, max: 48 }),
  vocabulary: fc.constantFrom(512, 50272),
})
const percents = fc
  .tuple(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 100 }))
  .filter(([device, ram]) => device + ram <= 100)
  .map(([device, ram]) => ({ device, ram, disk: 100 - device - ram }))

describe('placeWeights', () => {
  it('keeps every prefix within half the largest unit and the whole within one smallest matrix', () => {
    fc.assert(
      fc.property(models, percents, ({ hidden, layers, vocabulary }, percent) => {
        const units = optUnits(hidden, layers, vocabulary)
        const placement = placeWeights(units, percent)
        const vectors = units.filter((unit) => unit.kind === 'vector').reduce((sum, unit) => sum + unit.sizeBytes, 0)
        const largest = Math.max(...units.map((unit) => unit.sizeBytes))
        // The smallest matrix that comes again and again: the output projection.
        const smallest = 2 * hidden * hidden
        let owed = 0
        units.forEach((unit, i) => {
          owed += (percent.device / 100) * unit.sizeBytes - (placement[i]!.tier === 'device' ? unit.sizeBytes : 0)
          expect(Math.abs(owed)).toBeLessThanOrEqual(largest / 2 + smallest + vectors)
        })
        expect(Math.abs(owed)).toBeLessThanOrEqual(smallest + vectors)
      }),
    )
  })

  it('splits the streamed rest between RAM and disk to within one row block, and loses no row', () => {
    fc.assert(
      fc.property(models, percents, ({ hidden, layers, vocabulary }, percent) => {
        const units = optUnits(hidden, layers, vocabulary)
        const placement = placeWeights(units, percent)
        placement.forEach((place, i) => {
          if (place.tier === 'device') return
          let row = 0
          for (const block of place.blocks) {
            expect(block.firstRow).toBe(row)
            row += block.rowCount
          }
          expect(row).toBe(units[i]!.spec.shape[0])
          expect(place.blocks.reduce((sum, block) => sum + block.byteLength, 0)).toBe(units[i]!.sizeBytes)
        })
        const bytes = weightBytesByTier(units, placement)
        const streamed = bytes.ram + bytes.disk
        const wanted = percent.ram + percent.disk === 0 ? 0 : (streamed * percent.ram) / (percent.ram + percent.disk)
        if (percent.disk === 0) expect(bytes.disk).toBe(0)
        else expect(Math.abs(bytes.ram - wanted)).toBeLessThanOrEqual(rowBlockMaxBytes)
      }),
    )
  })

  it('puts OPT-30B at 12/78/10 within 0.2 points, where FlexGen realises 0.06/99.94/0', () => {
    const units = optUnits(7168, 48, 50272)
    const bytes = weightBytesByTier(units, placeWeights(units, { device: 12, ram: 78, disk: 10 }))
    const total = bytes.device + bytes.ram + bytes.disk
    expect(Math.abs((100 * bytes.device) / total - 12)).toBeLessThan(0.2)
    expect(Math.abs((100 * bytes.ram) / total - 78)).toBeLessThan(0.3)
    expect(Math.abs((100 * bytes.disk) / total - 10)).toBeLessThan(0.3)
  })
})
