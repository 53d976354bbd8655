import type { HardwareProfile } from './hardware-profile.ts'

const gibibyte = 2 ** 30

/**
 * An NVIDIA H100 on PCIe 5 with 16 host cores, driven from Node through ONNX Runtime's C API, measured on 2026-11-24:
 * links, layer times, host attention. What was not measured then is listed in `assumed`.
 */
export const h100Pcie5: HardwareProfile = {
  schemaVersion: 1,
  name: 'h100-pcie5',
  description: 'NVIDIA H100 on PCIe 5, 16 host cores, ONNX Runtime 1.30 on CUDA 13',
  measuredAt: '2026-11-24T00:00:00Z',
  versions: { node: '24.21.0', onnxruntime: '1.30.0', cuda: '13' },
  assumed: [
    'capacity.ramBytes',
    'capacity.diskBytes',
    'links.hostToDevice.pageable',
    'links.deviceToHost',
    'links.diskRead',
    'links.diskWrite',
    'links.ramRead',
    'compute.device.matmul (4 bit, and one row)',
    'compute.device.dequantizeBytesPerSecond',
    'compute.device.quantizeBytesPerSecond',
    'compute.host.matmul',
    'compute.host.prefillAttention',
    'compute.host.dequantizeBytesPerSecond',
    'compute.host.quantizeBytesPerSecond',
    'costs.sweepSeconds',
  ],
  machine: { device: 'gpu', deviceName: 'NVIDIA H100', cpuName: 'Intel Xeon with AVX-512', cpuCores: 16 },
  capacity: { deviceBytes: 78 * gibibyte, ramBytes: 128 * gibibyte, diskBytes: 64 * gibibyte },
  links: {
    hostToDevice: { pinned: { bytesPerSecond: 54.7e9 }, pageable: { bytesPerSecond: 12e9 } },
    deviceToHost: { pinned: { bytesPerSecond: 54.7e9 }, pageable: { bytesPerSecond: 12e9 } },
    diskRead: { direct: { bytesPerSecond: 3e9 }, buffered: { bytesPerSecond: 2e9 } },
    diskWrite: { direct: { bytesPerSecond: 1.5e9 }, buffered: { bytesPerSecond: 1.5e9 } },
    ramRead: { bytesPerSecond: 92e9 },
  },
  // Attention on 16 host threads beside pinned copies to the card.
  shared: [{ links: ['hostToDevice', 'ramRead'], bytesPerSecond: [51.5e9, 73e9] }],
  compute: {
    device: {
      backend: 'onnxruntime',
      matmul: [
        // One row reads the weights at the card's memory speed.
        { dtype: 'float16', weights: 'bound', rows: 1, flopsPerSecond: 2.4e12 },
        { dtype: 'float16', weights: 'bound', rows: 32, flopsPerSecond: 87e12 },
        { dtype: 'float16', weights: 'bound', rows: 128, flopsPerSecond: 359e12 },
        { dtype: 'float16', weights: 'bound', rows: 1024, flopsPerSecond: 680e12 },
        { dtype: 'float16', weights: 'q4', rows: 1, flopsPerSecond: 2.4e12 },
        { dtype: 'float16', weights: 'q4', rows: 32, flopsPerSecond: 60e12 },
        { dtype: 'float16', weights: 'q4', rows: 128, flopsPerSecond: 250e12 },
        { dtype: 'float16', weights: 'q4', rows: 1024, flopsPerSecond: 600e12 },
      ],
      // From whole layers: OPT-6.7B at batch 32 and 128, OPT-30B at batch 32, 528 positions.
      decodeAttention: [
        { dtype: 'float16', sequences: 1, bytesPerSecond: 0.3e12 },
        { dtype: 'float16', sequences: 32, bytesPerSecond: 2e12 },
        { dtype: 'float16', sequences: 128, bytesPerSecond: 2.4e12 },
      ],
      prefillAttention: [{ dtype: 'float16', promptTokens: 512, flopsPerSecond: 150e12 }],
      dequantizeBytesPerSecond: 1e12,
      quantizeBytesPerSecond: 0.5e12,
    },
    host: {
      backend: 'native',
      matmul: [{ dtype: 'float32', weights: 'bound', rows: 32, flopsPerSecond: 1e12 }],
      decodeAttention: [{ dtype: 'float16', sequences: 128, bytesPerSecond: 82e9 }],
      prefillAttention: [{ dtype: 'float32', promptTokens: 512, flopsPerSecond: 0.5e12 }],
      dequantizeBytesPerSecond: 30e9,
      quantizeBytesPerSecond: 10e9,
    },
  },
  costs: { stageSeconds: 100e-6, transferSeconds: 10e-6, sweepSeconds: 1e-3 },
}
