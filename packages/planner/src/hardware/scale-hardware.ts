import type { HardwareProfile, HostLink, DiskLink, Rate, ComputeRates } from './hardware-profile.ts'

/** How many times faster parts of a machine are. */
export interface SpeedFactors {
  /** The links between RAM and the device, both ways. */
  readonly hostLink?: number
  /** Reading and writing. */
  readonly disk?: number
  /** Attention of the host over KV in RAM. */
  readonly hostAttention?: number
  /** All products and attention of the device. */
  readonly device?: number
}

/** A profile with some parts faster. */
export function scaleHardware(profile: HardwareProfile, factors: SpeedFactors): HardwareProfile {
  const { hostLink = 1, disk = 1, hostAttention = 1, device = 1 } = factors
  const { links, compute, flexgen, machine } = profile
  const isHost = machine.device === 'host'
  return {
    ...profile,
    links: {
      ...links,
      ...(links.hostToDevice && { hostToDevice: scaleHostLink(links.hostToDevice, hostLink) }),
      ...(links.deviceToHost && { deviceToHost: scaleHostLink(links.deviceToHost, hostLink) }),
      diskRead: scaleDiskLink(links.diskRead, disk),
      diskWrite: scaleDiskLink(links.diskWrite, disk),
      ramRead: scaleRate(links.ramRead, isHost ? Math.max(device, hostAttention) : hostAttention),
    },
    compute: {
      device: scaleCompute(compute.device, device, isHost ? Math.max(device, hostAttention) : device),
      ...(compute.host && { host: scaleCompute(compute.host, 1, hostAttention) }),
    },
    ...(flexgen && {
      flexgen: {
        ramToDeviceBytesPerSecond: flexgen.ramToDeviceBytesPerSecond * hostLink,
        deviceToRamCacheBytesPerSecond: flexgen.deviceToRamCacheBytesPerSecond * hostLink,
        deviceToRamHiddenBytesPerSecond: flexgen.deviceToRamHiddenBytesPerSecond * hostLink,
        diskReadBytesPerSecond: flexgen.diskReadBytesPerSecond * disk,
        diskWriteCachePrefillBytesPerSecond: flexgen.diskWriteCachePrefillBytesPerSecond * disk,
        diskWriteDecodeBytesPerSecond: flexgen.diskWriteDecodeBytesPerSecond * disk,
        matmulPrefillFlopsPerSecond: flexgen.matmulPrefillFlopsPerSecond * device,
        matmulDecodeFlopsPerSecond: flexgen.matmulDecodeFlopsPerSecond * device,
        attentionPrefillFlopsPerSecond: flexgen.attentionPrefillFlopsPerSecond * device,
        attentionDecodeFlopsPerSecond: flexgen.attentionDecodeFlopsPerSecond * device,
        hostAttentionFlopsPerSecond: flexgen.hostAttentionFlopsPerSecond * hostAttention,
        hostSlowdown: flexgen.hostSlowdown,
      },
    }),
  }
}

function scaleRate(rate: Rate, factor: number): Rate {
  return { ...rate, bytesPerSecond: rate.bytesPerSecond * factor }
}

function scaleHostLink({ pinned, pageable }: HostLink, factor: number): HostLink {
  return { pinned: scaleRate(pinned, factor), pageable: scaleRate(pageable, factor) }
}

/** What the page cache holds comes no faster from a faster disk. */
function scaleDiskLink({ direct, buffered, cached }: DiskLink, factor: number): DiskLink {
  return {
    direct: scaleRate(direct, factor),
    buffered: scaleRate(buffered, factor),
    ...(cached && { cached }),
  }
}

function scaleCompute(rates: ComputeRates, products: number, attention: number): ComputeRates {
  return {
    ...rates,
    matmul: rates.matmul.map((rate) => ({ ...rate, flopsPerSecond: rate.flopsPerSecond * products })),
    decodeAttention: rates.decodeAttention.map((rate) => ({
      ...rate,
      bytesPerSecond: rate.bytesPerSecond * attention,
    })),
    prefillAttention: rates.prefillAttention.map((rate) => ({
      ...rate,
      flopsPerSecond: rate.flopsPerSecond * products,
    })),
  }
}
