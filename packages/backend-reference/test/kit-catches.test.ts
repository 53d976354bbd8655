import { describe, expect, it } from 'vitest'
import { type Break, renamed, testsOf } from './support/broken-backend.ts'
import { defects } from './support/defects.ts'

/** Fails only where a gap is declared that is none, see below. */
const gapCheck = 'every known gap is the title of a test'

describe('the conformance kit catches a backend of which', () => {
  it('a defect with every test', () => {
    const caught = new Set(defects.flatMap(([, titles]) => titles))
    expect(caught).toEqual(new Set([...testsOf().keys()].filter((title) => title !== gapCheck)))
  })

  for (const [defect, titles, change] of defects) {
    it.each(titles)(`${defect}: %s`, async (title) => {
      await expect(testsOf(change).get(title)!()).rejects.toThrow()
    })
  }
})

describe('what a backend lacks', () => {
  const title = 'everything that the backend lacks has its reason'
  const lacking = (...what: string[]): Promise<void> =>
    testsOf(undefined, [], [{ what, reason: 'made up' }]).get(title)!()
  const halves = ['float16 compute', 'bfloat16 compute', 'float16 KV', 'bfloat16 KV']

  it('has a reason, all of it and no more', async () => {
    await lacking(...halves)
    await expect(lacking(...halves.slice(1))).rejects.toThrow('float16 compute')
    await expect(lacking(...halves, 'Softmax')).rejects.toThrow('Softmax')
    expect(testsOf().has(title)).toBe(false)
  })
})

describe('known gaps', () => {
  const title = 'Relu agrees with the oracle'
  const gapTests = (change?: Break, test = title): Map<string, () => Promise<void>> =>
    testsOf(change, [{ test, reason: 'made up' }])
  const gapTitle = `${title} [known gap: made up]`

  it('pass where the backend refuses with an error of the project', async () => {
    const refusing: Break = (backend) => ({
      compile: (graph) => backend.compile({ ...graph, outputs: [{ ...graph.outputs[0]!, name: 'nobody' }] }),
    })
    await expect(gapTests(refusing).get(gapTitle)!()).resolves.toBeUndefined()
  })

  it('fail where the test passes, and where it fails with wrong numbers', async () => {
    await expect(gapTests().get(gapTitle)!()).rejects.toThrow(/known gaps/)
    await expect(gapTests(renamed('Relu', 'Silu')).get(gapTitle)!()).rejects.toThrow()
  })

  it('fail where they name no test', async () => {
    await gapTests().get(gapCheck)!()
    await expect(gapTests(undefined, 'Frobnicate agrees').get(gapCheck)!()).rejects.toThrow(/Frobnicate/)
  })
})
