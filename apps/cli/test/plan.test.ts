import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { runCli } from './cli-process.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'flexgen-plan-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const example =
  'plan --model facebook/opt-30b --prompt-len 512 --gen-len 32 --hardware flexgen-t4 --cost-model flexgen'.split(' ')
const t4 = ['--gpu-mem', '16GiB', '--cpu-mem', '200GiB', '--disk', '1500GiB']

interface Plan {
  readonly policy: {
    readonly gpuBatchSize: number
    readonly numGpuBatches: number
    readonly percent: readonly number[]
    readonly percentExact: readonly number[]
  }
  readonly predicted: { readonly totalTokensPerSecond: number }
}

describe('flexgen plan', () => {
  it("gives FlexGen's own answer to its own example", async () => {
    const { code, stdout, stderr } = await runCli([...example, ...t4, '--json'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const { policy, predicted } = JSON.parse(stdout) as Plan
    expect([policy.gpuBatchSize, policy.numGpuBatches]).toEqual([32, 5])
    expect(policy.percent).toEqual([12, 78, 0, 100, 0, 100])
    const exact = [12.428, 77.81, 0, 100, 0, 100]
    policy.percentExact.forEach((share, i) => expect(share).toBeCloseTo(exact[i]!, 2))
    expect(predicted.totalTokensPerSecond).toBeCloseTo(7.0947, 4)
  })

  it('says it for people, and saves the policy', async () => {
    const file = path.join(folder, 'policy.json')
    const { code, stdout } = await runCli([...example, ...t4, '--save', file])
    expect(code).toBe(0)
    expect(stdout).toContain('12 78 0 100 0 100')
    expect(readFileSync(file, 'utf8')).toContain('"gpuBatchSize": 32')
  })

  it.each([
    [[...example, '--gpu-mem', '1MB', '--cpu-mem', '1MB', '--disk', '1MB'], 3],
    [['plan', '--model', 'opt-30b'], 2],
    [['plan', '--model', 'opt-31b', '--hardware', 'flexgen-t4'], 4],
    [['plan', '--model', 'opt-30b', '--hardware', 'nothing'], 2],
  ])('%j ends with %d', async (args, exitCode) => {
    const file = path.join(folder, 'none.json')
    const { code, stderr } = await runCli([...args, '--save', file])
    expect(code).toBe(exitCode)
    expect(stderr).toMatch(/^flexgen: [A-Z_]+: [^\n]+\nhint: [^\n]+\n$/)
    expect(existsSync(file)).toBe(false)
  })
})
