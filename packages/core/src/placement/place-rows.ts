import type { TierPercent } from '@flexgen/spec'

/** Where the KV of a sequence in a layer, or its hidden state, rests. */
export type RowHome = 'device' | 'ram' | 'disk'

/**
 * Places equal units by error diffusion: after every unit each tier is within one unit of its share. Used for KV
 * (over layers, then sequences) and for hidden states (over sequences).
 */
export function* placeRows(percent: TierPercent): Generator<RowHome, never, void> {
  const elsewhere = percent.ram + percent.disk
  const ramShare = elsewhere === 0 ? 0 : percent.ram / elsewhere
  let device = 0
  let ram = 0
  for (;;) {
    device += percent.device / 100
    if (elsewhere === 0 || (device >= 0.5 && percent.device > 0)) {
      device -= 1
      yield 'device'
      continue
    }
    ram += ramShare
    if (percent.disk === 0 || (ram >= 0.5 && percent.ram > 0)) {
      ram -= 1
      yield 'ram'
    } else yield 'disk'
  }
}
