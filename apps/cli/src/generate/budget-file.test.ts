import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseSize } from 'flexgen'
import { describe, expect, it } from 'vitest'
import { BudgetFile, parseBudgetFile } from './budget-file.ts'

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

  /** A file in a folder of its own, what was said of it, and a way to wait for more to be said. */
  async function withFile(
    test: (place: {
      file: string
      said: string[]
      budgets: BudgetFile
      until: (count: number) => Promise<void>
    }) => Promise<void>,
  ): Promise<void> {
    const folder = await mkdtemp(path.join(tmpdir(), 'flexgen-budget-'))
    const file = path.join(folder, 'budget.json')
    const said: string[] = []
    const until = async (count: number): Promise<void> => {
      while (said.length < count) await new Promise((resolve) => setTimeout(resolve, 10))
    }
    try {
      using budgets = new BudgetFile(file, (line) => said.push(line))
      await test({ file, said, budgets, until })
    } finally {
      await rm(folder, { recursive: true })
    }
  }

  it.each([false, true])(
    'is followed as it comes and changes, and what is wrong in it is said (early: %s)',
    async (early) => {
      await withFile(async ({ file, said, budgets, until }) => {
        // At once, as a careful program writes it: never half of it is there.
        const write = async (text: string): Promise<void> => {
          await writeFile(`${file}.new`, text)
          await rename(`${file}.new`, file)
        }
        if (early) await write('{"ram": "1GB"}')
        const taken: unknown[] = []
        budgets.follow({ toBytes: parseSize, setBudget: async (budget) => void taken.push(budget) })
        if (!early) await write('{"ram": "1GB"}')
        await until(1)
        await write('x')
        await until(2)
        expect(taken).toEqual([{ ram: 1e9 }])
        expect(said).toEqual([expect.stringContaining('is held'), expect.stringContaining('is no JSON')])
      })
    },
  )

  it('is read at once at a signal, also at one that came before it was followed', async () => {
    await withFile(async ({ file, budgets, until }) => {
      await writeFile(file, '{"device": 1}')
      process.emit('SIGUSR2', 'SIGUSR2')
      const taken: unknown[] = []
      budgets.follow({ toBytes: parseSize, setBudget: async (budget) => void taken.push(budget) })
      await until(1)
      await writeFile(file, '{"device": 2}')
      process.emit('SIGUSR2', 'SIGUSR2')
      await until(2)
      expect(taken).toEqual([{ device: 1 }, { device: 2 }])
    })
  })

  it('takes a storm of signals while a change is carried out as one more change', async () => {
    const before = process.listenerCount('SIGUSR2')
    await withFile(async ({ file, budgets, until }) => {
      await writeFile(file, '{"device": 1}')
      let [taken, atOnce] = [0, 0]
      const setBudget = async (): Promise<void> => {
        taken += 1
        expect(++atOnce).toBe(1)
        for (let i = 0; taken === 1 && i < 1000; i++) process.emit('SIGUSR2', 'SIGUSR2')
        await new Promise((resolve) => setTimeout(resolve, 20))
        atOnce -= 1
      }
      budgets.follow({ toBytes: parseSize, setBudget })
      process.emit('SIGUSR2', 'SIGUSR2')
      await until(2)
      await new Promise((resolve) => setTimeout(resolve, 50))
      expect(taken).toBe(2)
      expect(process.listenerCount('SIGUSR2')).toBe(before + 1)
    })
    expect(process.listenerCount('SIGUSR2')).toBe(before)
  })
})
