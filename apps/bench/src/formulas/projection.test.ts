import { describe, expect, it } from 'vitest'
import { projectCutRun, projectFewerBatches } from './projection.ts'

describe('a run that was cut', () => {
  it('counts two tokens as they are and the mean of the others for the rest', () => {
    // 8 of 32 tokens: 3 + 2 + mean(1, 1, 1, 2, 0) * 29.
    expect(projectCutRun([10, 3, 2, 1, 1, 1, 2, 0], 32)).toEqual({ decodeSeconds: 34, projected: true })
  })

  it('is itself where nothing was cut', () => {
    const tokenSeconds = [10, 3, 2, 1.5, 0.5]
    expect(projectCutRun(tokenSeconds, 5)).toEqual({ decodeSeconds: 7, projected: true })
  })

  it.each([
    [[1, 1, 1], 32],
    [[1, 1, 1, 1, 1], 4],
  ])('of %o cannot stand for %d tokens', (tokenSeconds, newTokens) => {
    expect(() => projectCutRun(tokenSeconds, newTokens)).toThrow(
      `--cut-gen-len ${tokenSeconds.length} cannot be projected to ${newTokens} tokens`,
    )
  })
})

describe('fewer batches', () => {
  it('takes the mean of steps 11 to 20 for every layer of every further token', () => {
    const steps = [...Array<number>(10).fill(100), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1000]
    expect(projectFewerBatches(steps, 98, 32)).toEqual({ decodeSeconds: 5.5 * 98 * 31, projected: true })
  })

  it('needs a step to average', () => {
    expect(projectFewerBatches([...Array<number>(10).fill(9), 2], 4, 3).decodeSeconds).toBe(16)
    expect(() => projectFewerBatches(Array<number>(10).fill(9), 4, 3)).toThrow('got 10')
  })
})
