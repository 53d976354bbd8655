import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fixtureNames } from './fixture-names.ts'
import { loadFixture } from './load-fixture.ts'

const argMax = (row: Float32Array): number => row.indexOf(Math.max(...row))

it('lists every fixture folder', () => {
  expect(readdirSync(join(import.meta.dirname, '../fixtures')).toSorted()).toEqual([...fixtureNames].toSorted())
})

it('stays small: 2 MB a fixture, 4 MB all', () => {
  const sizes = fixtureNames.map((name) => {
    const { folder } = loadFixture(name)
    return readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0)
  })
  expect(Math.max(...sizes)).toBeLessThanOrEqual(2e6)
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(4e6)
})

it('refuses an unknown name', () => {
  expect(() => loadFixture('none' as never)).toThrow(expect.objectContaining({ code: 'FILE_NOT_FOUND' }))
})

describe.each(fixtureNames)('%s', (name) => {
  const fixture = loadFixture(name)

  it('has ids that are the largest logits, with the gaps that it states', () => {
    for (const { ids, gaps, prefillLogits, decodeLogits, promptIds } of fixture.prompts) {
      expect(prefillLogits).toHaveLength(promptIds.length)
      const rows = [prefillLogits.at(-1)!, ...decodeLogits]
      expect(rows.map(argMax)).toEqual(ids)
      for (const [i, row] of rows.entries()) {
        const [first, second] = row.toSorted((a, b) => b - a)
        expect(Math.abs(first! - second! - gaps[i]!)).toBeLessThan(1e-3 * gaps[i]! + 1e-6)
      }
    }
  })

  it('has prompts of different lengths, ids that vary and no near tie', () => {
    expect(new Set(fixture.prompts.map((prompt) => prompt.promptIds.length)).size).toBe(fixture.prompts.length)
    for (const prompt of fixture.prompts) {
      expect(new Set(prompt.ids).size).toBeGreaterThanOrEqual(8)
      expect(Math.min(...prompt.gaps)).toBeGreaterThan(0.005)
    }
  })
})
