import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCli, temporaryFolder } from './cli-process.ts'

const folder = temporaryFolder()
const inFolder = (...parts: string[]): string => path.join(folder, ...parts)
const onReference = ['--backend', 'reference', '--quiet'] as const

interface Line {
  readonly index?: number
  readonly prompt?: string
  readonly promptIds: readonly number[]
  readonly ids: readonly number[]
  readonly finishReason: string
  readonly logProbs?: readonly number[]
  readonly promptLogProbs?: readonly number[]
  readonly logProbSum?: number
  readonly perplexity?: number
}

const linesOf = (file: string): Line[] =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)

async function json(...args: string[]): Promise<Line[]> {
  const { code, stdout } = await runCli(['generate', ...onReference, '--json', ...args])
  expect(code).toBe(0)
  return (JSON.parse(stdout) as { outputs: Line[] }).outputs
}

describe('generate --score', () => {
  it('gives the log-probabilities that generate gives for the same ids', async () => {
    const [generated] = await json('--prompt', 'My fellow', '--gen-len', '5', '--log-probs', 'all', '--ignore-eos')
    const { promptIds, ids, logProbs, promptLogProbs } = generated!
    expect(logProbs).toHaveLength(ids.length)
    expect(promptLogProbs).toHaveLength(promptIds.length - 1)
    const [scored] = await json('--score', '--prompt-ids', [...promptIds, ...ids].join(','))
    expect(Object.keys(scored!).toSorted()).toEqual(
      ['finishReason', 'ids', 'logProbSum', 'perplexity', 'promptIds', 'promptLogProbs'].toSorted(),
    )
    expect(scored).toMatchObject({ ids: [], finishReason: 'length' })
    const expected = [...promptLogProbs!, ...logProbs!]
    scored!.promptLogProbs!.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 4))
    const sum = expected.reduce((total, value) => total + value, 0)
    expect(scored!.logProbSum).toBeCloseTo(sum, 3)
    expect(scored!.perplexity).toBeCloseTo(Math.exp(-sum / expected.length), 1)
  })

  it('prints what it found for people', async () => {
    const { code, stdout } = await runCli(['generate', ...onReference, '--score', '--prompt', 'The state of the Union'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^The state of the Union\n {2}log-probability -\d+\.\d{3} of 5 tokens, perplexity [\d.]+\n$/)
  })

  it('is a batch job like any other: lines by index, and it goes on after it was cut', async () => {
    writeFileSync(inFolder('in.jsonl'), ['{"promptIds":[5,6,7]}', '{"prompt":"My"}', '{"promptIds":[9]}'].join('\n'))
    const out = inFolder('out.jsonl')
    const job = ['generate', ...onReference, '--score', '--input', inFolder('in.jsonl'), '--output', out]
    expect((await runCli(job)).code).toBe(0)
    const whole = linesOf(out).toSorted((a, b) => a.index! - b.index!)
    expect(whole.map(({ index }) => index)).toEqual([0, 1, 2])
    expect(whole[2]).toEqual({
      index: 2,
      promptIds: [9],
      ids: [],
      finishReason: 'length',
      promptLogProbs: [],
      logProbSum: 0,
    })
    const [first = ''] = readFileSync(out, 'utf8').split('\n')
    truncateSync(out, first.length + 1)
    expect((await runCli([...job, '--resume'])).code).toBe(0)
    expect(linesOf(out).toSorted((a, b) => a.index! - b.index!)).toEqual(whole)
  })

  it('refuses a line that asks for new tokens', async () => {
    writeFileSync(inFolder('new.jsonl'), '{"prompt":"a"}\n{"prompt":"b","maxNewTokens":3}\n')
    const { code, stderr } = await runCli(['generate', '--score', '--input', inFolder('new.jsonl')])
    expect(code).toBe(2)
    expect(stderr).toMatch(/new\.jsonl line 2: maxNewTokens and --score do not go together/)
  })
})

describe('generate --log-probs', () => {
  it('is in the lines of a batch job', async () => {
    writeFileSync(inFolder('two.jsonl'), '{"promptIds":[5,6,7]}\n{"prompt":"My","maxNewTokens":2}\n')
    const out = inFolder('probs.jsonl')
    const job = ['generate', ...onReference, '--input', inFolder('two.jsonl'), '--output', out, '--ignore-eos']
    expect((await runCli([...job, '--gen-len', '4', '--log-probs', 'all'])).code).toBe(0)
    const lines = linesOf(out).toSorted((a, b) => a.index! - b.index!)
    expect(lines.map(({ logProbs, promptLogProbs }) => [logProbs!.length, promptLogProbs!.length])).toEqual([
      [4, 2],
      [2, 2],
    ])
    for (const { logProbs } of lines) for (const value of logProbs!) expect(value).toBeLessThan(0)
  })
})
