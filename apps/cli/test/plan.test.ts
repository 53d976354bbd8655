import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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

/** A measured machine, as `flexgen profile` saves it. */
const measured = {
  schemaVersion: 1,
  name: 'a-machine',
  description: 'two cores',
  measuredAt: '2026-11-26T12:00:00.000Z',
  machine: { device: 'host', cpuCores: 2 },
  capacity: { deviceBytes: 20e9, ramBytes: 20e9, diskBytes: 50e9 },
  links: {
    diskRead: {
      direct: { bytesPerSecond: 1e9 },
      buffered: { bytesPerSecond: 1e9 },
      cached: { bytesPerSecond: 8e9 },
    },
    diskWrite: { direct: { bytesPerSecond: 1e9 }, buffered: { bytesPerSecond: 1e9 } },
    ramRead: { bytesPerSecond: 25e9 },
  },
  besideReads: { direct: { read: 0.9, compute: 0.9 }, cached: { read: 0.6, compute: 0.5 } },
  compute: {
    device: {
      backend: 'reference',
      matmul: [
        { dtype: 'float32', weights: 'prepared', rows: 1, flopsPerSecond: 1e9 },
        { dtype: 'float32', weights: 'bound', rows: 1, flopsPerSecond: 1e9 },
      ],
      decodeAttention: [{ dtype: 'float32', sequences: 1, bytesPerSecond: 1e9 }],
      prefillAttention: [{ dtype: 'float32', promptTokens: 64, flopsPerSecond: 1e9 }],
      dequantizeBytesPerSecond: 1e9,
      quantizeBytesPerSecond: 1e9,
    },
  },
  costs: { stageSeconds: 1e-5, transferSeconds: 1e-5, sweepSeconds: 1e-3 },
}

describe('on this machine', () => {
  const cache = path.join(folder, 'cache')
  const env = { XDG_CACHE_HOME: cache }
  const saveProfile = (profile: object): void => {
    mkdirSync(path.join(cache, 'flexgen'), { recursive: true })
    writeFileSync(path.join(cache, 'flexgen', 'hardware.json'), JSON.stringify(profile))
  }
  const reference = ['--backend', 'reference']

  it('a saved profile is planned with, the policy runs from its file, and the run stands beside its prediction', async () => {
    saveProfile(measured)
    const file = path.join(folder, 'small.json')
    const sizes = ['--model', 'demo', '--prompt-len', '16', '--gen-len', '8', '--num-prompts', '3', '--max-ram', '40MB']
    const planned = await runCli(['plan', ...sizes, ...reference, '--json', '--save', file], { env })
    expect(planned).toMatchObject({ code: 0, stderr: '' })
    const plan = JSON.parse(planned.stdout) as Plan & { hardware: string; bytes: { ram: { total: number } } }
    expect(plan.hardware).toBe('a-machine')
    const run = ['generate', '--num-prompts', '3', '--prompt-len', '16', '--gen-len', '8', '--ignore-eos', '--json']
    const ran = await runCli([...run, ...reference, '--policy', file, '--max-ram', '40MB'], { env })
    expect(ran.code).toBe(0)
    const { report } = JSON.parse(ran.stdout) as {
      report: {
        plan: { ram: { total: number } }
        prediction: { hardware: string; predicted: { peakRamBytes: number }; measured: { peakRamBytes: number } }
      }
    }
    expect(report.plan.ram.total).toBe(plan.bytes.ram.total)
    const { hardware, predicted, measured: was } = report.prediction
    expect(hardware).toBe('a-machine')
    expect(Math.abs(predicted.peakRamBytes / was.peakRamBytes - 1)).toBeLessThan(0.1)
    const history = JSON.parse(readFileSync(path.join(cache, 'flexgen', 'history.json'), 'utf8')) as { runs: object[] }
    expect(history.runs).toHaveLength(1)
    expect(history.runs[0]).toMatchObject({ backend: 'reference', model: 'demo', promptTokens: 16, newTokens: 8 })
  })

  it('a bad profile ends with 7, and doctor says so', async () => {
    const { device } = measured.compute
    saveProfile({ ...measured, compute: { device: { ...device, dequantizeBytesPerSecond: -1 } } })
    for (const args of [
      ['plan', '--model', 'demo'],
      ['generate', '--prompt', 'x', '--max-ram', '40MB'],
    ]) {
      const { code, stderr } = await runCli([...args, ...reference], { env })
      expect(stderr).toMatch(/^flexgen: CORRUPT_DATA: hardware profile .*dequantizeBytesPerSecond must be/)
      expect(code).toBe(7)
    }
    const onDevice = ['--percent', '100', '0', '100', '0', '100', '0', '--gen-len', '2', '--json']
    const ran = await runCli(['generate', '--prompt', 'x', ...onDevice, ...reference], { env })
    expect(ran.code).toBe(0)
    expect(JSON.parse(ran.stdout)).toMatchObject({ outputs: [{ prompt: 'x' }] })
    expect(ran.stderr).toContain('note: there is no prediction: hardware profile')
    const { stdout } = await runCli(['doctor', '--json'], { env })
    expect((JSON.parse(stdout) as { profile: { problem: string } }).profile.problem).toContain(
      'dequantizeBytesPerSecond',
    )
  })

  it.each([
    [['--policy', 'policy.json', '--percent', '100', '0', '100', '0', '100', '0'], 2, '--policy and --percent'],
    [['--policy', path.join(folder, 'nowhere.json')], 4, 'there is no policy file'],
    [['--hardware', 'nowhere', '--max-ram', '40MB'], 2, 'there is no hardware profile'],
  ])('generate %j ends with %d', async (args, exitCode, message) => {
    const { code, stderr } = await runCli(['generate', '--prompt', 'x', ...reference, ...args], { env })
    expect({ code, stderr }).toEqual({ code: exitCode, stderr: expect.stringContaining(message) })
  })
})
