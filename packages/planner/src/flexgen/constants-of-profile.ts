import type { HardwareProfile } from '../hardware/hardware-profile.ts'
import type { FlexgenConstants } from './flexgen-constants.ts'

/** Rows that FlexGen's two matmul constants are read at where a profile has none of its own. */
const decodeRows = 32
const prefillRows = 2048

/**
 * The constants of the cost model `flexgen` for a profile: its own, else those that come nearest among what was
 * measured, with KV pageable as in FlexGen and no slow-down of the host for small batches.
 */
export function flexgenConstants({ flexgen, links, compute }: HardwareProfile): FlexgenConstants {
  if (flexgen !== undefined) return flexgen
  // A host device reads weights and KV where they lie.
  const toDevice = links.hostToDevice ?? { pinned: links.ramRead, pageable: links.ramRead }
  const toHost = links.deviceToHost ?? { pinned: links.ramRead, pageable: links.ramRead }
  const { device, host = device } = compute
  const prefillFlops = Math.max(...device.prefillAttention.map((rate) => rate.flopsPerSecond))
  return {
    ramToDeviceBytesPerSecond: toDevice.pinned.bytesPerSecond,
    deviceToRamCacheBytesPerSecond: toHost.pageable.bytesPerSecond,
    deviceToRamHiddenBytesPerSecond: toHost.pinned.bytesPerSecond,
    diskReadBytesPerSecond: links.diskRead.buffered.bytesPerSecond,
    diskWriteCachePrefillBytesPerSecond: links.diskWrite.buffered.bytesPerSecond,
    diskWriteDecodeBytesPerSecond: links.diskWrite.buffered.bytesPerSecond,
    matmulPrefillFlopsPerSecond: flopsAt(device.matmul, prefillRows),
    matmulDecodeFlopsPerSecond: flopsAt(device.matmul, decodeRows),
    attentionPrefillFlopsPerSecond: prefillFlops,
    // The model counts one operation for each byte of KV in 16 bits.
    attentionDecodeFlopsPerSecond: Math.max(...device.decodeAttention.map((rate) => rate.bytesPerSecond)),
    hostAttentionFlopsPerSecond: Math.max(...host.decodeAttention.map((rate) => rate.bytesPerSecond)),
    hostSlowdown: { both: 0, batch: 0, hidden: 0 },
  }
}

/** The speed at the measured number of rows that is nearest, of wide weights where there are any. */
function flopsAt(rates: HardwareProfile['compute']['device']['matmul'], rows: number): number {
  const wide = rates.filter((rate) => rate.weights !== 'q4')
  const distance = (rate: { readonly rows: number }): number => Math.abs(Math.log(rate.rows / rows))
  return (wide.length === 0 ? rates : wide).reduce((near, rate) => (distance(rate) < distance(near) ? rate : near))
    .flopsPerSecond
}
