/** Numbered rows without an axis: their names are texts above the bars, where a phone has room for them. */
export const rowPosition = { field: 'row', type: 'ordinal', axis: null } as const

/** A horizontal position of a quantity. */
export interface AmountPosition {
  field: string
  type: 'quantitative'
  scale: { domain: number[]; nice: boolean }
  axis: { title: string; tickCount: number }
}

/** Positions from 0 to `most`, with an axis. */
export function amountPosition(field: string, most: number, title: string, tickCount = 4): AmountPosition {
  return { field, type: 'quantitative', scale: { domain: [0, most], nice: false }, axis: { title, tickCount } }
}
