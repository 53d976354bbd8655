import type { Backend, DeviceBuffer, HostBuffer } from '@flexgen/spec'
import type { LiveRow } from '../schedule/sweep.ts'

/** A system input `[batch, ...]` int32: host bytes, and the device's copy where it has memory of its own. */
export interface SystemInput {
  readonly host: HostBuffer
  readonly device: DeviceBuffer
  readonly values: Int32Array
}

/** System inputs and logits of one GPU batch. */
export interface BatchInputs {
  readonly ids: SystemInput
  readonly positions: SystemInput
  readonly lengths: SystemInput
}

/** Allocates the inputs of a batch of at most `rows` with at most `seq` tokens each. */
export function allocateInputs(backend: Backend, rows: number, seq: number): BatchInputs {
  return {
    ids: allocateInput(backend, rows * seq),
    positions: allocateInput(backend, rows * seq),
    lengths: allocateInput(backend, rows),
  }
}

function allocateInput(backend: Backend, count: number): SystemInput {
  const host = backend.allocateHost(count * 4)
  const device = backend.device.hostVisible ? host : backend.allocate(count * 4)
  return { host, device, values: new Int32Array(host.bytes.buffer, host.bytes.byteOffset, count) }
}

/** Gives the inputs of a batch back. */
export function freeInputs(backend: Backend, inputs: BatchInputs): void {
  for (const input of [inputs.ids, inputs.positions, inputs.lengths]) {
    backend.free(input.host)
    if (input.device !== input.host) backend.free(input.device)
  }
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
