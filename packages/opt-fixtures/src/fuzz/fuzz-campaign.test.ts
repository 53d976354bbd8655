import { CorruptDataError, InternalError } from '@flexgen/spec'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { fuzzCampaign } from './fuzz-campaign.ts'

const numbers = fc.integer({ min: 0, max: 1000 })
const nothing = async (): Promise<void> => undefined

afterEach(() => vi.unstubAllEnvs())

describe('fuzzCampaign', () => {
  it('counts what is taken and what is refused', async () => {
    const open = async (n: number): Promise<number> => {
      if (n % 2 === 1) throw new CorruptDataError(`${n} is odd`)
      return n
    }
    const campaign = fuzzCampaign('even', numbers, open, async (n) => expect(n % 2).toBe(0))
    const { accepted, refused } = await campaign.run(100)
    expect(accepted + refused).toBe(100)
    expect(accepted).toBeGreaterThan(0)
    expect(refused).toBeGreaterThan(0)
  })

  it('gives the same inputs for the same seed', async () => {
    const seen: number[] = []
    const campaign = fuzzCampaign('record', numbers, async (n) => void seen.push(n), nothing)
    vi.stubEnv('FLEXGEN_FUZZ_SEED', '5')
    await campaign.run(20)
    await campaign.run(20)
    expect(seen.slice(20)).toEqual(seen.slice(0, 20))
    await campaign.run(1)
    vi.stubEnv('FLEXGEN_FUZZ_SEED', '6')
    await campaign.run(20)
    expect(seen.slice(41)).not.toEqual(seen.slice(0, 20))
  })

  it('repeats a failure by its seed and path alone', async () => {
    const seen: number[] = []
    const campaign = fuzzCampaign(
      'replay',
      numbers,
      async (n) => n,
      async (n) => {
        seen.push(n)
        expect(n).toBeLessThan(700)
      },
    )
    const failure = await campaign.run(1000).then(String, String)
    const [, seed, path] = /seed: (-?\d+), path: "([\d:]+)"/.exec(failure)!
    vi.stubEnv('FLEXGEN_FUZZ_SEED', seed)
    vi.stubEnv('FLEXGEN_FUZZ_PATH', path)
    seen.length = 0
    await expect(campaign.run(1000)).rejects.toThrow(/Counterexample: \[700\]/)
    expect(seen).toEqual([700])
  })

  it('fails where an input takes much memory', async () => {
    const campaign = fuzzCampaign('large', numbers, async (n) => new Uint8Array(n === 0 ? 2 ** 27 : 0), nothing)
    await expect(campaign.run(1000)).rejects.toThrow(/Counterexample: \[0\]/)
  })

  it('fails where what was opened is refused later', async () => {
    const use = async (): Promise<void> => Promise.reject(new CorruptDataError('the file ends early'))
    await expect(fuzzCampaign('late', numbers, nothing, use).run(10)).rejects.toThrow(/seed: /)
  })

  it.each<[problem: string, work: (n: number) => void]>([
    ['an error that is not of the project', (n) => void (undefined as unknown as number[])[n]],
    [
      'a bug',
      () => {
        throw new InternalError('a bug')
      },
    ],
    [
      'a message of two lines',
      () => {
        throw new CorruptDataError('a\nb')
      },
    ],
    [
      'an endless message',
      () => {
        throw new CorruptDataError('a'.repeat(2000))
      },
    ],
  ])('fails at %s with the seed and the shortest input', async (_, work) => {
    const open = async (n: number): Promise<void> => (n > 10 ? work(n) : undefined)
    const campaign = fuzzCampaign('broken', numbers, open, nothing)
    await expect(campaign.run(1000)).rejects.toThrow(/seed: -?\d+, path: "[\d:]+"[^]*Counterexample: \[11\]/)
  })
})
