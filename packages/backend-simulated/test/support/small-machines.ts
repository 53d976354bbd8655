import type { ComputeSpeeds, SimulatedHardware } from '../../src/index.ts'

const speeds: ComputeSpeeds = {
  matmul: [
    { dtype: 'float32', weights: 'bound', rows: 1, flopsPerSecond: 1e12 },
    { dtype: 'float32', weights: 'bound', rows: 64, flopsPerSecond: 16e12 },
  ],
  decodeAttention: [{ dtype: 'float32', sequences: 1, bytesPerSecond: 10e9 }],
  prefillAttention: [{ dtype: 'float32', promptTokens: 16, flopsPerSecond: 10e9 }],
  dequantizeBytesPerSecond: 4e9,
  quantizeBytesPerSecond: 2e9,
}

/** A machine whose kernels work on RAM. */
export const hostMachine: SimulatedHardware = {
  name: 'small-host',
  description: 'a small host',
  machine: { device: 'host', cpuName: 'CPU', cpuCores: 2 },
  capacity: { deviceBytes: 1e9, ramBytes: 1e9, diskBytes: 1e9 },
  links: {
    diskRead: { direct: { bytesPerSecond: 2e9 }, buffered: { bytesPerSecond: 1e9 } },
    diskWrite: { direct: { bytesPerSecond: 1e9 }, buffered: { bytesPerSecond: 0.5e9 } },
    ramRead: { bytesPerSecond: 8e9 },
  },
  compute: { device: speeds },
  costs: { stageSeconds: 1e-4, transferSeconds: 1e-5, sweepSeconds: 1e-3 },
}

/** A machine whose device has memory of its own. */
export const gpuMachine: SimulatedHardware = {
  ...hostMachine,
  name: 'small-gpu',
  machine: { device: 'gpu', deviceName: 'GPU', cpuName: 'CPU', cpuCores: 2 },
  links: {
    ...hostMachine.links,
    hostToDevice: { pinned: { bytesPerSecond: 4e9 }, pageable: { bytesPerSecond: 4e9 / 2 } },
    deviceToHost: { pinned: { bytesPerSecond: 2e9 }, pageable: { bytesPerSecond: 2e9 / 2 } },
  },
  compute: { device: speeds, host: speeds },
}
