import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fixtureNames } from './fixture-names.ts'
import { compressedFixtures, loadCompressedFixture } from './load-compressed-fixture.ts'
import { loadFixture } from './load-fixture.ts'

const argMax = (row: Float32Array): number => row.indexOf(Math.max(...row))

it('lists every fixture folder', () => {
  const names = new Set([...fixtureNames, ...compressedFixtures.map(([name]) => name)])
  expect(readdirSync(join(import.meta.dirname, '../fixtures')).toSorted()).toEqual([...names].toSorted())
})

it('stays small: 2 MB a fixture, 4 MB all', () => {
  const fixtures = join(import.meta.dirname, '../fixtures')
  const sizes = readdirSync(fixtures).map((name) => {
    const folder = join(fixtures, name)
    return readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0)
  })
  expect(Math.max(...sizes)).toBeLessThanOrEqual(2e6)
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(4e6)
})

it('refuses an unknown name', () => {
  const notFound = expect.objectContaining({ code: 'FILE_NOT_FOUND' }) as unknown
  expect(() => loadFixture('none' as never)).toThrow(notFound)
  expect(() => loadCompressedFixture('untied', 'inputs')).toThrow(notFound)
})

it.each(compressedFixtures)('has the logits of %s with weights of 4 bits, %s', (name, form) => {
  const { prompts, decodeSteps } = loadCompressedFixture(name, form)
  for (const { ids, promptIds, prefillLogits, decodeLogits } of prompts) {
    expect(prefillLogits).toHaveLength(promptIds.length)
    expect(decodeLogits).toHaveLength(decodeSteps)
    expect([prefillLogits.at(-1)!, ...decodeLogits].map(argMax)).toEqual(ids)
  }
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
