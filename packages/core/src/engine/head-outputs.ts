import { dtypeBytes, elementCount, type DType } from '@flexgen/spec'
import type { HeldBuffers, MirroredBuffer } from './held-buffers.ts'
import type { LayerRuntime } from './layer-runtime.ts'

/** What the head gives for every position that it is asked for: logits, or the id of the largest. */
export interface HeadOutput {
  readonly name: string
  readonly kind: 'logits' | 'ids'
  /** Sizes of what one position has: `[vocabulary]`, or none where it is a number. */
  readonly shape: readonly number[]
  readonly positionBytes: number
}

/** An output with its memory, which has room for the whole block. */
export interface HeldOutput extends HeadOutput {
  readonly buffer: MirroredBuffer
}

/** What a row got from the head: logits `[positions, vocabulary]` as floats, or ids `[positions]` as int32. */
export type HeadRow = Float32Array | Int32Array

/** What the head of a compiled model gives. */
export function headOutputs(runtimes: readonly LayerRuntime[]): HeadOutput[] {
  const { graph } = runtimes.at(-1)!.stages.at(-1)!
  return graph.outputs.map(({ name, dtype, shape }) => {
    const own = shape.slice(2).map(Number)
    const positionBytes = dtypeBytes(dtype as DType, elementCount(own))
    return { name, kind: dtype === 'int32' ? 'ids' : 'logits', shape: own, positionBytes }
  })
}

/** Allocates memory for so many positions of each output. */
export function holdOutputs(outputs: readonly HeadOutput[], positions: number, buffers: HeldBuffers): HeldOutput[] {
  return outputs.map((output) => ({
    ...output,
    buffer: buffers.allocateMirrored(positions * output.positionBytes),
  }))
}

/** The output that tokens are taken from: logits where somebody needs them, or where there is nothing else. */
export function outputToRead(outputs: readonly HeldOutput[], needsLogits: boolean): HeldOutput {
  const ids = outputs.find(({ kind }) => kind === 'ids')
  return needsLogits || ids === undefined ? outputs.find(({ kind }) => kind === 'logits')! : ids
}

/** What the host sees of some positions of an output. */
export function headRow({ kind, shape, positionBytes, buffer }: HeldOutput, first: number, positions: number): HeadRow {
  const { bytes } = buffer.host
  const byteOffset = bytes.byteOffset + first * positionBytes
  const count = positions * elementCount(shape)
  return kind === 'logits'
    ? new Float32Array(bytes.buffer, byteOffset, count)
    : new Int32Array(bytes.buffer, byteOffset, count)
}
