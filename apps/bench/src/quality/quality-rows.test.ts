import { describe, expect, it } from 'vitest'
import { qualityRows } from './quality-rows.ts'
import type { QualityMeasurement } from './quality-settings.ts'

const measurement = (perplexity: number): QualityMeasurement => ({
  backend: 'b',
  device: 'd',
  notices: [],
  windows: 1,
  tokens: 100,
  nats: 100 * Math.log(perplexity),
  seconds: 2,
})

describe('rows of quality', () => {
  it('have the rise over the baseline, and hold it against the goal', () => {
    const failure = { code: 'UNSUPPORTED_DATA', message: 'no', hint: '' }
    const rows = qualityRows([
      { variant: { key: 'base', title: 'Base', dtype: 'float32' }, measurement: measurement(40) },
      { variant: { key: 'a', title: 'A', dtype: 'float32', limitPercent: 3 }, measurement: measurement(41) },
      { variant: { key: 'b', title: 'B', dtype: 'float32', limitPercent: 1 }, measurement: measurement(40.8) },
      { variant: { key: 'c', title: 'C', dtype: 'float16' }, measurement: measurement(39) },
      { variant: { key: 'd', title: 'D', dtype: 'float16', limitPercent: 3 }, failure },
    ])
    expect(rows.map(({ key, passes }) => [key, passes])).toEqual([
      ['base', undefined],
      ['a', true],
      ['b', false],
      ['c', undefined],
      ['d', undefined],
    ])
    expect(rows.map(({ risePercent }) => risePercent?.toFixed(6))).toEqual([
      undefined,
      '2.500000',
      '2.000000',
      '-2.500000',
      undefined,
    ])
    expect(rows[0]).toEqual({
      key: 'base',
      title: 'Base',
      backend: 'b',
      tokens: 100,
      perplexity: Math.exp(Math.log(40)),
      seconds: 2,
    })
    expect(rows[4]).toEqual({ key: 'd', title: 'D', limitPercent: 3, failure })
  })
})
