import { placeRows, placeWeights, type RowHome, weightBytesByTier } from '@flexgen/core'
import type { Layout } from './engine-memory.ts'
import type { FoundLayout } from './search-layouts.ts'

/**
 * A layout as the engine will place it, matrix by matrix, block by block and row by row. It takes no more of a tier
 * than the layout that was searched with, which counts what diffusion may add.
 */
export function realiseLayout({ model, layout, percent }: FoundLayout): Layout {
  const { units } = model.engine.weights
  const [wd, wr, cd, cr] = percent
  const placement = placeWeights(units, { device: wd, ram: wr, disk: 100 - wd - wr })
  const isMatrix = units.map((unit) => unit.kind === 'matrix')
  const weights = weightBytesByTier(
    units.filter((_, i) => isMatrix[i]),
    placement.filter((_, i) => isMatrix[i]),
  )
  const rows: Record<RowHome, number> = { device: 0, ram: 0, disk: 0 }
  const homes = placeRows({ device: cd, ram: cr, disk: 100 - cd - cr })
  for (let i = 0; i < model.block.rows; i++) rows[homes.next().value] += 1
  return { ...layout, weights, rows }
}
