import { flexgenT4 } from '../../src/hardware/flexgen-t4.ts'
import type { HardwareProfile } from '../../src/hardware/hardware-profile.ts'

/** A machine without a card: two cores, in the orders of magnitude of a small server. */
export const smallHost: HardwareProfile = {
  schemaVersion: 1,
  name: 'small-host',
  description: 'two cores, 20 GB',
  machine: { device: 'host', cpuCores: 2 },
  capacity: { deviceBytes: 20e9, ramBytes: 20e9, diskBytes: 100e9 },
  links: {
    diskRead: {
      direct: { bytesPerSecond: 1.5e9 },
      buffered: { bytesPerSecond: 1.2e9 },
      cached: { bytesPerSecond: 8e9 },
    },
    diskWrite: { direct: { bytesPerSecond: 1e9 }, buffered: { bytesPerSecond: 1e9 } },
    ramRead: { bytesPerSecond: 29e9 },
  },
  besideReads: { direct: { read: 0.95, compute: 0.9 }, cached: { read: 0.6, compute: 0.5 } },
  compute: {
    device: {
      backend: 'onnxruntime',
      matmul: [
        { dtype: 'float32', weights: 'prepared', rows: 1, flopsPerSecond: 14.6e9 },
        { dtype: 'float32', weights: 'prepared', rows: 32, flopsPerSecond: 164e9 },
        { dtype: 'float32', weights: 'prepared', rows: 160, flopsPerSecond: 182e9 },
        { dtype: 'float32', weights: 'bound', rows: 1, flopsPerSecond: 6.2e9 },
        { dtype: 'float32', weights: 'bound', rows: 32, flopsPerSecond: 83e9 },
        { dtype: 'float32', weights: 'bound', rows: 160, flopsPerSecond: 153e9 },
      ],
      decodeAttention: [{ dtype: 'float32', sequences: 8, bytesPerSecond: 17e9 }],
      prefillAttention: [{ dtype: 'float32', promptTokens: 512, flopsPerSecond: 60e9 }],
      dequantizeBytesPerSecond: 2e9,
      quantizeBytesPerSecond: 1e9,
      attentionRowSeconds: 40e-6,
      elementwiseSeconds: 1e-9,
    },
  },
  costs: { stageSeconds: 60e-6, transferSeconds: 20e-6, sweepSeconds: 5e-4 },
}

/** The machines that the engine's model is tested on. */
export const machines: readonly HardwareProfile[] = [smallHost, flexgenT4]
