import type { ComputeRates, HardwareProfile, MatmulRate } from './hardware-profile.ts'

/** What an assumed machine is told about the real one. */
export interface AssumedHostOptions {
  readonly cpuCores: number
  readonly ramBytes: number
  readonly diskBytes: number
}

/** Speeds of two cores of a server (AMD EPYC with AVX-512); see docs/measurements. */
const twoCores = {
  memoryBytesPerSecond: 25e9,
  flopsPerSecond: 180e9,
}

/**
 * A machine that computes on its CPU, as it may be while nobody has measured it: the orders of magnitude of a server with
 * so many cores, good enough to choose where things go, not to say how long they take. All of it is marked as assumed.
 */
export function assumedHost({ cpuCores, ramBytes, diskBytes }: AssumedHostOptions): HardwareProfile {
  const scale = Math.max(0.5, cpuCores / 2)
  const flops = twoCores.flopsPerSecond * scale
  // Memory is shared by all cores and ends well before they do.
  const memory = twoCores.memoryBytesPerSecond * Math.min(scale, 4)
  const matmul = (weights: MatmulRate['weights'], dtype: 'float32' | 'float16', bytes: number): MatmulRate[] =>
    [1, 8, 64, 512].map((rows) => ({
      dtype,
      weights,
      rows,
      flopsPerSecond: 1 / (1 / flops + bytes / (2 * rows * memory)),
    }))
  const rates = (backend: string, dtype: 'float32' | 'float16', bound: number, prepared: number): ComputeRates => ({
    backend,
    matmul: [...matmul('prepared', dtype, prepared), ...matmul('bound', dtype, bound)],
    decodeAttention: [{ dtype, sequences: 8, bytesPerSecond: memory * 0.7 }],
    prefillAttention: [{ dtype, promptTokens: 512, flopsPerSecond: flops / 3 }],
    dequantizeBytesPerSecond: memory / 4,
    quantizeBytesPerSecond: memory / 8,
    stageSeconds: 20e-6,
    attentionRowSeconds: 30e-6,
  })
  return {
    schemaVersion: 1,
    name: 'assumed',
    description: `a machine with ${cpuCores} cores, not measured`,
    assumed: ['links', 'compute', 'costs', 'besideReads'],
    machine: { device: 'host', cpuCores },
    capacity: { deviceBytes: ramBytes, ramBytes, diskBytes },
    links: {
      diskRead: {
        direct: { bytesPerSecond: 1e9 },
        buffered: { bytesPerSecond: 1e9 },
        cached: { bytesPerSecond: 4e9 * scale },
      },
      diskWrite: { direct: { bytesPerSecond: 0.5e9 }, buffered: { bytesPerSecond: 0.5e9 } },
      ramRead: { bytesPerSecond: memory },
    },
    besideReads: { direct: { read: 0.95, compute: 0.9 }, cached: { read: 0.6, compute: 0.5 } },
    compute: {
      // Half weights take twice their bytes once widened and held, and their widening each time they are not.
      device: rates('onnxruntime', 'float32', 8, 4),
      others: [rates('native', 'float16', 2, 2), rates('reference', 'float32', 40, 40)],
    },
    costs: { stageSeconds: 20e-6, transferSeconds: 20e-6, sweepSeconds: 1e-3 },
  }
}
