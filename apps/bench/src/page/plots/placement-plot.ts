import type { ByTier, Measurement } from '../../measure/measurement.ts'
import { tierColours } from '../colours.ts'
import type { Plot } from '../render-plot.ts'
import { amountPosition, rowPosition } from './positions.ts'

const kinds = { weights: 'weights', cache: 'KV cache', activations: 'activations' } as const

/** Requested and realised shares of weights, KV and activations on each tier. */
export function placementPlot(placement: Measurement['placement']): Plot {
  const bars = (Object.keys(kinds) as (keyof typeof kinds)[]).flatMap((kind) =>
    (['requested', 'realised'] as const).map((which) => ({
      name: `${kinds[kind]}, ${which}`,
      shares: placement[kind][which],
    })),
  )
  const pieces = bars.flatMap(({ shares }, row) => piecesOf(shares).map((piece) => ({ row, ...piece })))
  const y = rowPosition
  const x = amountPosition('from', 100, 'percent', 5)
  return (width) => ({
    width,
    height: { step: 33 },
    layer: [
      {
        data: { values: pieces },
        mark: { type: 'bar', height: 11, yOffset: 8 },
        encoding: { y, x, x2: { field: 'to' }, color: { field: 'colour', type: 'nominal', scale: null } },
      },
      {
        data: { values: bars.map(({ name, shares }, row) => ({ row, name, shares: sharesText(shares) })) },
        mark: { type: 'text', align: 'left', dy: -6, fontSize: 11, color: 'var(--muted)' },
        encoding: { y, x: { value: 0 }, text: { field: 'name' } },
      },
      {
        data: { values: bars.map(({ shares }, row) => ({ row, shares: sharesText(shares) })) },
        mark: { type: 'text', align: 'right', dy: -6, fontSize: 11 },
        encoding: { y, x: { value: width }, text: { field: 'shares' } },
      },
    ],
  })
}

function piecesOf({ device, ram, disk }: ByTier): { from: number; to: number; colour: string }[] {
  const pieces = [
    { from: 0, to: device, colour: tierColours.device },
    { from: device, to: device + ram, colour: tierColours.RAM },
    { from: device + ram, to: device + ram + disk, colour: tierColours.disk },
  ]
  return pieces.filter(({ from, to }) => to > from)
}

function sharesText({ device, ram, disk }: ByTier): string {
  return [device, ram, disk].map((value) => String(Number(value.toFixed(1)))).join(' / ')
}
