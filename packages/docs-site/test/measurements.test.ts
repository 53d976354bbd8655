import { describe, expect, it } from 'vitest'
import { listRuns, objectsOf, type Run } from '../src/measurements/list-runs.ts'
import { medianOf, spreadOf, threeDigits } from '../src/measurements/numbers.ts'
import { renderRun } from '../src/measurements/render-run.ts'
import { readPage } from '../src/pages.ts'

const run = (values: Run['values']): string => renderRun({ name: 'x', values })

describe('pages of measurements', () => {
  it.each([
    [0, '0'],
    [0.53412, '0.534'],
    [4, '4.00'],
    [15.64, '15.6'],
    [999.6, '1000'],
    [1574.26, '1570'],
  ])('%d has three digits: %s', (value, text) => {
    expect(threeDigits(value)).toBe(text)
  })

  it('gives median and spread', () => {
    expect(medianOf([3, 1, 2])).toBe(2)
    expect(medianOf([4, 1, 3, 2])).toBe(2.5)
    expect(spreadOf([16.4, 15.4, 15.6])).toBe('15.6 [15.4 to 16.4]')
    expect(spreadOf([6.231, 6.229])).toBe('6.23')
    expect(spreadOf([])).toBe('')
  })

  it('has a row a side, its command, and no column without a figure', () => {
    const repetitions = [1, 3, 2].map((prefillSeconds) => ({
      prefillSeconds,
      decodeTokensPerSecond: 10 * prefillSeconds,
    }))
    const page = run({ title: 'T', sides: [{ title: 'a | b', command: 'flexgen bench', repetitions }] })
    expect(page).toContain('|  | runs | prefill s | decode tokens/s |')
    expect(page).toContain(String.raw`| a \| b | 3 | 2.00 [1.00 to 3.00] | 20.0 [10.0 to 30.0] |`)
    expect(page).toContain('# a | b\nflexgen bench')
  })

  it('has the sides of a group with what they ran with, and names them', () => {
    const ours = [
      { prefillSeconds: 2, decodeSeconds: 4 },
      { prefillSeconds: 2, decodeSeconds: 5, flags: '--overlap' },
    ]
    const page = run({ onTheCard: { percent: '1 2', flexllmgen: [{ prefillSeconds: 8, decodeSeconds: 9 }], ours } })
    expect(page).toContain('## On the card')
    expect(page).toContain('| FlexLLMGen | 1 | 8.00 | 9.00 |  |')
    expect(page).toContain('| this engine | 1 | 2.00 | 5.00 | --overlap |')
    expect(page).toContain('`--percent 1 2`')
  })

  it('has perplexities with their rise', () => {
    const rows = [
      { title: 'float32', perplexity: 46.844, tokens: 10 },
      { title: '4 bits', perplexity: 49.041, tokens: 10 },
    ]
    expect(run({ rows })).toContain('| 4 bits | 10 | 49.041 | 4.69 |')
  })
})

describe('docs/measurements/README.md', () => {
  const text = readPage('docs/measurements/README.md').markdown

  it.each(
    listRuns()
      .filter(({ values }) => 'sides' in values)
      .map((run) => [run.name, run] as const),
  )('says what %s.json says', (_, { values }) => {
    for (const side of objectsOf(values['sides'])) {
      const rates = objectsOf(side['repetitions']).map((one) => one['decodeTokensPerSecond'])
      const figure = spreadOf(rates.filter((rate) => typeof rate === 'number'))
      expect(text).toContain(figure)
    }
  })
})
