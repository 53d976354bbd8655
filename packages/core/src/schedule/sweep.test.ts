import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Step, sweep, type SweepShape } from './sweep.ts'

const shapes = fc.record({
  layers: fc.integer({ min: 1, max: 12 }),
  batches: fc.integer({ min: 1, max: 5 }),
  lookAhead: fc.integer({ min: 0, max: 4 }),
  continues: fc.boolean(),
  splitsAttention: fc.constantFrom('none', 'with layers between', 'whole layers'),
  /** Bit of a layer: whether its weights are there beside those of the layer before. */
  ready: fc.nat(2 ** 12 - 1),
})

type Options = typeof shapes extends fc.Arbitrary<infer Value> ? Value : never

function shapeOf(options: Options): SweepShape {
  return {
    firstLayer: 0,
    endLayer: options.layers,
    batches: options.batches,
    hasCache: (layer) => layer % 2 === 1,
    // The head has no attention.
    isSplit: (layer) =>
      options.splitsAttention !== 'none' &&
      (layer % 2 === 1 || options.splitsAttention === 'whole layers') &&
      layer < options.layers - 1,
    isReady: (layer) => ((options.ready >> layer) & 1) === 1,
    lookAhead: options.lookAhead,
    startsWarm: false,
    continues: options.continues,
  }
}

function indexOf(
  steps: readonly Step[],
  task: Step['task'],
  layer: number,
  batch: number,
  part?: Step['part'],
): number {
  return steps.findIndex(
    (step) =>
      step.task === task && step.layer === layer && step.batch === batch && (part === undefined || step.part === part),
  )
}

describe('sweep', () => {
  it('computes every layer and batch once, zig-zag', () => {
    fc.assert(
      fc.property(shapes, (options) => {
        const computes = [...sweep(shapeOf(options))]
          .filter((step) => step.task === 'compute' && step.part !== 'end')
          .map(({ task, layer, batch }) => ({ task, layer, batch }))
        const expected = Array.from({ length: options.layers * options.batches }, (_, i) => ({
          task: 'compute',
          layer: Math.floor(i / options.batches),
          batch: i % options.batches,
        }))
        expect(computes).toEqual(expected)
      }),
    )
  })

  it('loads before it computes and stores after, each once', () => {
    fc.assert(
      fc.property(shapes, (options) => {
        const shape = shapeOf(options)
        const steps = [...sweep(shape)]
        for (let layer = 0; layer < options.layers; layer++) {
          for (let batch = 0; batch < options.batches; batch++) {
            const weight = indexOf(steps, 'loadWeight', layer, batch)
            expect(weight).toBeGreaterThanOrEqual(0)
            expect(weight).toBeLessThan(indexOf(steps, 'compute', layer, 0))
            const compute = indexOf(steps, 'compute', layer, batch)
            const end = shape.isSplit(layer) ? indexOf(steps, 'compute', layer, batch, 'end') : compute
            if (shape.isSplit(layer)) {
              expect(end).toBeGreaterThan(compute)
              // Attention of this batch runs beside the start of the next, of the next layer where that may start.
              const isLast = batch + 1 === options.batches
              const goesOn = options.batches > 1 && shape.isSplit(layer + 1) && shape.isReady(layer + 1)
              const next = indexOf(steps, 'compute', isLast ? layer + 1 : layer, isLast ? 0 : batch + 1)
              if (!isLast || goesOn) expect(end).toBeGreaterThan(next)
              else expect(end).toBeLessThan(next)
              // Two batches at most are between start and end.
              const after = options.batches > 1 ? (isLast ? [layer + 1, 1] : [layer, batch + 2]) : [layer + 1, 0]
              const second = indexOf(steps, 'compute', after[0]!, after[1]!)
              if (second >= 0) expect(end).toBeLessThan(second)
            }
            if (layer > 0) {
              const load = indexOf(steps, 'loadHidden', layer, batch)
              expect(load).toBeLessThan(compute)
              expect(load).toBeGreaterThan(indexOf(steps, 'storeHidden', layer - 1, batch))
            }
            if (layer === options.layers - 1) expect(indexOf(steps, 'sample', layer, batch)).toBeGreaterThan(end)
            else expect(indexOf(steps, 'storeHidden', layer, batch)).toBeGreaterThan(end)
            if (shape.hasCache(layer)) {
              expect(indexOf(steps, 'loadCache', layer, batch)).toBeLessThan(compute)
              expect(indexOf(steps, 'loadCache', layer, batch)).toBeGreaterThanOrEqual(0)
              expect(indexOf(steps, 'storeCache', layer, batch)).toBeGreaterThan(compute)
            }
          }
        }
        const keys = steps.map((step) => `${step.task} ${step.layer} ${step.batch} ${step.part}`)
        const repeated = keys.length - new Set(keys).size
        expect(repeated).toBe(options.continues ? options.batches * Math.min(options.lookAhead, options.layers) : 0)
      }),
    )
  })

  it('asks for every layer once where a warm sweep follows', () => {
    fc.assert(
      fc.property(shapes, (options) => {
        const first = [...sweep({ ...shapeOf(options), continues: true })]
        const second = [...sweep({ ...shapeOf(options), startsWarm: true, continues: false })]
        const asked = [...first, ...second].filter((step) => step.task === 'loadWeight').map((step) => step.layer)
        const order = Array.from({ length: options.layers * options.batches }, (_, i) =>
          Math.floor(i / options.batches),
        )
        expect(asked).toEqual([...order, ...order])
      }),
    )
  })

  it('is empty without batches', () => {
    expect([
      ...sweep({
        ...shapeOf({ layers: 3, batches: 0, lookAhead: 1, continues: true, splitsAttention: 'whole layers', ready: 0 }),
      }),
    ]).toEqual([])
  })
})
