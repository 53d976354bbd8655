import { describe, expect, it } from 'vitest'
import {
  assumedHost,
  hardwareForBackend,
  namedProfile,
  plan,
  predictPolicy,
  type PredictRequest,
} from '../src/index.ts'
import { optModel } from './support/opt-model.ts'
import { smallHost } from './support/hosts.ts'

const gib = 2 ** 30
const onDisk = { percent: [0, 30, 100, 0, 100, 0], gpuBatchSize: 8, numGpuBatches: 1, hostAttentionPercent: 0 } as const
const request: PredictRequest = {
  model: optModel('opt-1.3b'),
  hardware: smallHost,
  promptTokens: 64,
  newTokens: 8,
  policy: onDisk,
  freeRamBytes: 20 * gib,
}

describe('a prediction of a policy that is given', () => {
  it('is the plan of that policy, times and bytes', async () => {
    const { percent, gpuBatchSize, numGpuBatches } = onDisk
    const fixed = { percent, gpuBatchSize, numGpuBatches }
    const { layout: _, ...asked } = request
    const planned = await plan({ ...asked, costModel: 'engine', fixed, isWithoutAdvice: true })
    if (!planned.feasible) expect.fail(planned.reason)
    const { predicted, bytes } = await predictPolicy(request)
    expect(predicted).toEqual(planned.predicted)
    expect(bytes.disk.weights).toBe(planned.bytes.disk.weights)
  })

  it('reads from the page cache what that has room for, else from the disk', async () => {
    const roomy = await predictPolicy(request)
    const tight = await predictPolicy({ ...request, freeRamBytes: 3 * gib })
    const direct = await predictPolicy({ ...request, directIo: true })
    const read = ({ predicted }: typeof roomy): number => predicted.decodeStep.secondsByResource['diskRead']!
    const { cached, buffered, direct: past } = smallHost.links.diskRead
    expect(read(tight) / read(roomy)).toBeCloseTo(cached!.bytesPerSecond / buffered.bytesPerSecond, 9)
    expect(read(direct) / read(roomy)).toBeCloseTo(cached!.bytesPerSecond / past.bytesPerSecond, 9)
    expect(tight.predicted.decodeStep.seconds).toBeGreaterThan(roomy.predicted.decodeStep.seconds)
  })

  it('counts what reading takes of computing on the same cores', async () => {
    const { besideReads: _, ...undisturbed } = smallHost
    const alone = await predictPolicy({ ...request, hardware: undisturbed })
    const beside = await predictPolicy(request)
    const { deviceCompute = 0, diskRead = 0 } = beside.predicted.decodeStep.secondsByResource
    expect(alone.predicted.decodeStep.seconds).toBeLessThan(beside.predicted.decodeStep.seconds)
    expect(beside.predicted.decodeStep.seconds).toBeLessThanOrEqual(deviceCompute + diskRead + 1e-3)
  })

  it('is the sum of all parts without overlap', async () => {
    const serial = await predictPolicy({ ...request, overlap: false })
    const { seconds, secondsByResource } = serial.predicted.decodeStep
    const parts = Object.values(secondsByResource).reduce((a, b) => a + b, 0)
    expect(seconds).toBeCloseTo(parts + smallHost.costs.sweepSeconds, 9)
  })

  it('makes no more of a batch than there are prompts', async () => {
    const policy = { ...onDisk, gpuBatchSize: 64 }
    const few = await predictPolicy({ ...request, policy, numPrompts: 3 })
    const exact = await predictPolicy({ ...request, policy: { ...onDisk, gpuBatchSize: 3 } })
    expect(few.predicted.prefill.seconds).toBe(exact.predicted.prefill.seconds)
    expect(few.bytes.ram.cache).toBe(exact.bytes.ram.cache)
  })
})

describe('a profile for a backend', () => {
  const assumed = assumedHost({ cpuCores: 8, ramBytes: 16e9, diskBytes: 1e9 })

  it('has the speeds of that backend first', () => {
    expect(assumed.compute.device.backend).toBe('onnxruntime')
    const native = hardwareForBackend(assumed, 'native')
    expect(native.compute.device.backend).toBe('native')
    expect(native.compute.others!.map(({ backend }) => backend)).toEqual(['onnxruntime', 'reference'])
    expect(hardwareForBackend(assumed, 'unknown')).toBe(assumed)
  })

  it('is the host of a machine with a card, where the backend works on RAM', () => {
    const host = hardwareForBackend(namedProfile('h100-pcie5')!, 'native', true)
    expect(host.machine.device).toBe('host')
    expect(host.links.hostToDevice).toBeUndefined()
    expect(host.compute.device.backend).toBe('native')
    expect(host.capacity.deviceBytes).toBe(host.capacity.ramBytes)
  })
})
