import type { HardwareProfile } from './hardware-profile.ts'

const gibibyte = 2 ** 30

/**
 * The machine of the FlexGen paper (Google Cloud, NVIDIA T4, Xeon at 2 GHz, NVMe). The section `flexgen` is the
 * original's `CostModelConfig`, digit by digit, and the capacities are its command line's defaults; all other fields
 * are assumed from the paper's text and from those constants, as the list `assumed` says.
 */
export const flexgenT4: HardwareProfile = {
  schemaVersion: 1,
  name: 'flexgen-t4',
  description: 'NVIDIA T4 on Google Cloud, as in the FlexGen paper',
  assumed: ['machine.cpuCores', 'capacity', 'links', 'compute', 'costs'],
  machine: { device: 'gpu', deviceName: 'NVIDIA T4', cpuName: 'Intel Xeon at 2.00 GHz', cpuCores: 16 },
  capacity: { deviceBytes: 15 * gibibyte, ramBytes: 200 * gibibyte, diskBytes: 1500 * gibibyte },
  links: {
    // The paper: PCIe about 12 GB/s, the disk reads about 2 GB/s and writes about 1 GB/s.
    hostToDevice: { pinned: { bytesPerSecond: 12e9 }, pageable: { bytesPerSecond: 6e9 } },
    deviceToHost: { pinned: { bytesPerSecond: 12e9 }, pageable: { bytesPerSecond: 4.82 * gibibyte } },
    diskRead: { direct: { bytesPerSecond: 2e9 }, buffered: { bytesPerSecond: 1.6e9 } },
    diskWrite: { direct: { bytesPerSecond: 1e9 }, buffered: { bytesPerSecond: 1e9 } },
    ramRead: { bytesPerSecond: 60e9 },
  },
  compute: {
    device: {
      backend: 'cuda',
      // 4.3 TFLOPS is what the original fits for decode steps, 21.24 for the prefill; 300 GB/s bound one row.
      matmul: [
        { dtype: 'float16', weights: 'bound', rows: 1, flopsPerSecond: 0.24e12 },
        { dtype: 'float16', weights: 'bound', rows: 32, flopsPerSecond: 4.3e12 },
        { dtype: 'float16', weights: 'bound', rows: 512, flopsPerSecond: 21.24e12 },
        { dtype: 'float16', weights: 'q4', rows: 1, flopsPerSecond: 0.1e12 },
        { dtype: 'float16', weights: 'q4', rows: 32, flopsPerSecond: 2.5e12 },
        { dtype: 'float16', weights: 'q4', rows: 512, flopsPerSecond: 18e12 },
      ],
      decodeAttention: [{ dtype: 'float16', sequences: 1, bytesPerSecond: 79e9 }],
      prefillAttention: [{ dtype: 'float16', promptTokens: 512, flopsPerSecond: 9.97e12 }],
      dequantizeBytesPerSecond: 100e9,
      quantizeBytesPerSecond: 50e9,
    },
    host: {
      backend: 'native',
      matmul: [{ dtype: 'float32', weights: 'bound', rows: 32, flopsPerSecond: 0.3e12 }],
      // 12.3 GFLOPS over one operation a byte, as the original fits them.
      decodeAttention: [{ dtype: 'float16', sequences: 64, bytesPerSecond: 12.3e9 }],
      prefillAttention: [{ dtype: 'float32', promptTokens: 512, flopsPerSecond: 0.1e12 }],
      dequantizeBytesPerSecond: 10e9,
      quantizeBytesPerSecond: 3e9,
    },
  },
  costs: { stageSeconds: 100e-6, transferSeconds: 20e-6, sweepSeconds: 1e-3 },
  flexgen: {
    ramToDeviceBytesPerSecond: 12.89 * gibibyte,
    deviceToRamCacheBytesPerSecond: 0.97 * gibibyte,
    deviceToRamHiddenBytesPerSecond: 4.82 * gibibyte,
    diskReadBytesPerSecond: 0.473 * gibibyte,
    diskWriteCachePrefillBytesPerSecond: 0.746 * gibibyte,
    diskWriteDecodeBytesPerSecond: 2.015 * gibibyte,
    matmulPrefillFlopsPerSecond: 21.24e12,
    matmulDecodeFlopsPerSecond: 4.3e12,
    attentionPrefillFlopsPerSecond: 9.97e12,
    attentionDecodeFlopsPerSecond: 0.079e12,
    hostAttentionFlopsPerSecond: 0.0123e12,
    hostSlowdown: { both: 0.0168, batch: 0.0328, hidden: 0.0621 },
  },
}
