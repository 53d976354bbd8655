import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseSize } from 'flexgen'
import { describe, expect, it } from 'vitest'
import { followBudgetFile, parseBudgetFile } from './budget-file.ts'

describe('a budget file', () => {
  it('has sizes by tier', () => {
    expect(parseBudgetFile('{"device": "14GiB", "ram": 1000}', 'f', parseSize)).toEqual({
      device: 14 * 2 ** 30,
      ram: 1000,
    })
    expect(parseBudgetFile('{}', 'f', parseSize)).toEqual({})
  })

  it.each([
    ['{', 'CORRUPT_DATA'],
    ['[1]', 'CORRUPT_DATA'],
    ['null', 'CORRUPT_DATA'],
    ['{"disk": "1GB"}', 'CORRUPT_DATA'],
    ['{"ram": true}', 'CORRUPT_DATA'],
    ['{"ram": "lots"}', 'USAGE'],
  ])('of %s is refused', (text, code) => {
    expect(() => parseBudgetFile(text, 'f', parseSize)).toThrow(expect.objectContaining({ code }))
  })

  it.each([false, true])(
    'is followed as it comes and changes, and what is wrong in it is said (early: %s)',
    async (early) => {
      const folder = await mkdtemp(path.join(tmpdir(), 'flexgen-budget-'))
      const file = path.join(folder, 'budget.json')
      const said: string[] = []
      const budgets: unknown[] = []
      const until = async (count: number): Promise<void> => {
        while (said.length < count) await new Promise((resolve) => setTimeout(resolve, 50))
      }
      // At once, as a careful program writes it: never half of it is there.
      const write = async (text: string): Promise<void> => {
        await writeFile(`${file}.new`, text)
        await rename(`${file}.new`, file)
      }
      try {
        if (early) await write('{"ram": "1GB"}')
        using _following = followBudgetFile({
          file,
          toBytes: parseSize,
          say: (line) => said.push(line),
          setBudget: async (budget) => void budgets.push(budget),
        })
        if (!early) await write('{"ram": "1GB"}')
        await until(1)
        await write('x')
        await until(2)
        expect(budgets).toEqual([{ ram: 1e9 }])
        expect(said).toEqual([expect.stringContaining('is held'), expect.stringContaining('is no JSON')])
      } finally {
        await rm(folder, { recursive: true })
      }
    },
  )
})
