import type { HardwareProfile } from './hardware-profile.ts'

const gibibyte = 2 ** 30

/**
 * The machine behind the log that this project starts from (bench_reallocate_30b.md), as far as the log tells: products, link
 * and page-locked copies are fitted to its static run, pageable copies and the disk to its runs with timing 2. The log names
 * no hardware; everything else is assumed.
 */
export const seedMachine: HardwareProfile = {
  schemaVersion: 1,
  name: 'seed-machine',
  description: 'the machine of the log bench_reallocate_30b.md, fitted to its static and timing 2 runs',
  assumed: ['machine', 'capacity', 'links', 'compute', 'costs'],
  machine: { device: 'gpu', deviceName: 'a card of 16 GB or more', cpuName: 'unknown', cpuCores: 16 },
  capacity: { deviceBytes: 16 * gibibyte, ramBytes: 200 * gibibyte, diskBytes: 1500 * gibibyte },
  links: {
    hostToDevice: { pinned: { bytesPerSecond: 11.4e9 }, pageable: { bytesPerSecond: 6e9 } },
    // KV of the fork lies in pageable memory and is copied through a temporary.
    deviceToHost: { pinned: { bytesPerSecond: 2.6e9 }, pageable: { bytesPerSecond: 2.6e9 } },
    diskRead: { direct: { bytesPerSecond: 0.5e9 }, buffered: { bytesPerSecond: 0.5e9 } },
    diskWrite: { direct: { bytesPerSecond: 0.8e9 }, buffered: { bytesPerSecond: 0.8e9 } },
    ramRead: { bytesPerSecond: 60e9 },
  },
  compute: {
    device: {
      backend: 'cuda',
      matmul: [
        { dtype: 'float16', weights: 'bound', rows: 1, flopsPerSecond: 0.3e12 },
        { dtype: 'float16', weights: 'bound', rows: 32, flopsPerSecond: 9e12 },
        { dtype: 'float16', weights: 'bound', rows: 512, flopsPerSecond: 68e12 },
      ],
      decodeAttention: [{ dtype: 'float16', sequences: 1, bytesPerSecond: 250e9 }],
      prefillAttention: [{ dtype: 'float16', promptTokens: 512, flopsPerSecond: 30e12 }],
      dequantizeBytesPerSecond: 100e9,
      quantizeBytesPerSecond: 50e9,
    },
    host: {
      backend: 'native',
      matmul: [{ dtype: 'float32', weights: 'bound', rows: 32, flopsPerSecond: 0.3e12 }],
      decodeAttention: [{ dtype: 'float16', sequences: 64, bytesPerSecond: 30e9 }],
      prefillAttention: [{ dtype: 'float32', promptTokens: 512, flopsPerSecond: 0.1e12 }],
      dequantizeBytesPerSecond: 10e9,
      quantizeBytesPerSecond: 3e9,
    },
  },
  costs: { stageSeconds: 100e-6, transferSeconds: 20e-6, sweepSeconds: 1e-3 },
}
