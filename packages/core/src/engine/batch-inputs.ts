import type { LiveRow } from '../schedule/sweep.ts'
import type { HeldBuffers, MirroredBuffer } from './held-buffers.ts'

/** A system input of type int32. */
export interface SystemInput extends MirroredBuffer {
  readonly values: Int32Array
}

/** System inputs of one GPU batch, by their names in the graphs: ids and positions `[batch, seq]`, lengths `[batch]`. */
export interface BatchInputs {
  readonly ids: SystemInput
  readonly positions: SystemInput
  readonly lengths: SystemInput
}

/** Allocates the inputs of a batch of at most `rows` with at most `seq` tokens each. */
export function allocateInputs(buffers: HeldBuffers, rows: number, seq: number): BatchInputs {
  return {
    ids: allocateInput(buffers, rows * seq),
    positions: allocateInput(buffers, rows * seq),
    lengths: allocateInput(buffers, rows),
  }
}

function allocateInput(buffers: HeldBuffers, count: number): SystemInput {
  const buffer = buffers.allocateMirrored(count * 4)
  return { ...buffer, values: new Int32Array(buffer.host.bytes.buffer, buffer.host.bytes.byteOffset, count) }
}

/** Writes a sweep's ids, positions and lengths; padding repeats the pad id and continues the positions. */
export function fillInputs(
  inputs: BatchInputs,
  rows: readonly LiveRow[],
  seq: number,
  padId: number,
  tokenOf: (row: LiveRow, index: number) => number,
): void {
  rows.forEach((row, b) => {
    for (let i = 0; i < seq; i++) {
      inputs.ids.values[b * seq + i] = i < row.newTokens ? tokenOf(row, i) : padId
      inputs.positions.values[b * seq + i] = row.cachedPositions + i
    }
    inputs.lengths.values[b] = row.cachedPositions + row.newTokens
  })
}
