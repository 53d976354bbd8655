import { UsageError } from '@flexgen/spec'
import type { CudaContext } from '../cuda-context.ts'
import type { CudaHandle } from '../driver/cuda-functions.ts'
import type { CudaCheckedValue } from './cuda-binding.ts'
import type { CudaProgram } from './cuda-program.ts'
import type { CudaRunPlan } from './plan-cuda-run.ts'

/** New tokens of one row. */
export interface NewRow {
  readonly start: number
  readonly count: number
}

/** What the host knows of a run that is about to be issued. */
export interface RunFacts {
  /** Where the graph attends: the new tokens of each row, which fit their cache. */
  readonly rows: readonly NewRow[]
  /** Most positions of a row after the run. */
  readonly total: number
  /** Flat index of the last valid token of each row, where the graph reads it. */
  readonly lastRows: Int32Array | undefined
  /** Whether all rows start anew. */
  readonly startsAnew: boolean
  /** Whether all rows start anew, or all bring one token. */
  readonly isUniform: boolean
}

/** Facts of a run, and what they were read from. */
export interface KnownFacts {
  /** Sizes, positions and lengths. */
  readonly given: readonly Int32Array[]
  readonly facts: RunFacts
}

const nothingKnown: RunFacts = { rows: [], total: 0, lastRows: undefined, startsAnew: true, isUniform: true }

/**
 * Checks indices, positions and lengths, which lie in device memory but came from the host.
 * @param stream behind which they are read from the device where the host does not know them
 * @throws {FlexgenError} `USAGE`
 */
export function readRunFacts(
  program: CudaProgram,
  plan: CudaRunPlan,
  context: CudaContext,
  stream: CudaHandle,
): RunFacts {
  const ints = (name: string): Int32Array => {
    const value = plan.values.get(name)
    return value === undefined ? new Int32Array(0) : readInts(value, context, stream)
  }
  for (const { inputs, attributes } of program.lookUps) {
    const [rowCount] = plan.values.get(inputs[0]!)?.tensor.shape ?? plan.shapes.get(inputs[0]!)!
    for (const index of ints(inputs[1]!)) {
      const row = index + attributes.indexOffset
      if (row < 0 || row >= rowCount!) throw new UsageError(`Gather reads row ${row} of a table of ${rowCount} rows`)
    }
  }
  const readsLast = program.info.graph.nodes.some(({ operator }) => operator === 'LastPosition')
  if (program.attentions.length === 0 && !readsLast) return nothingKnown
  const [positions, lengths] = [ints('positions'), ints('lengths')]
  const { batch, seq, maxPositions } = plan
  const given = [Int32Array.of(batch, seq, maxPositions), positions, lengths]
  // Layers of a sweep share a program, and bring the same tokens.
  const known = program.lastFacts
  if (known?.given.every((values, i) => isSame(values, given[i]!)) === true) return known.facts
  const facts = factsOf(program, plan, positions, lengths, readsLast)
  program.lastFacts = { given, facts }
  return facts
}

function factsOf(
  program: CudaProgram,
  { batch, seq, maxPositions }: CudaRunPlan,
  positions: Int32Array,
  lengths: Int32Array,
  readsLast: boolean,
): RunFacts {
  const rows = Array.from({ length: batch }, (_, row): NewRow => {
    const start = positions[row * seq]!
    return { start, count: lengths[row]! - start }
  })
  for (const [row, { start, count }] of rows.entries()) {
    if (count < 0 || count > seq)
      throw new UsageError(`row ${row} has ${count} new tokens in a run of ${seq}: positions and lengths do not fit`)
    if (program.attentions.length > 0 && (start < 0 || start + count > maxPositions))
      throw new UsageError(
        `attention row ${row}: positions ${start} to ${start + count} do not fit ${seq} tokens and ${maxPositions} cached positions`,
      )
  }
  const startsAnew = rows.every(({ start, count }) => start === 0 && count > 0)
  return {
    rows,
    total: lengths.reduce((most, length) => Math.max(most, length), 0),
    lastRows: readsLast ? Int32Array.from(rows, ({ count }, row) => row * seq + Math.max(count - 1, 0)) : undefined,
    startsAnew,
    isUniform: startsAnew || (seq === 1 && rows.every(({ count }) => count > 0)),
  }
}

function isSame(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i])
}

function readInts({ lent, byteLength }: CudaCheckedValue, context: CudaContext, stream: CudaHandle): Int32Array {
  const known = lent.owner.shadow?.read(lent.byteOffset, byteLength)
  const bytes = known === undefined ? readBack(lent.address, byteLength, context, stream) : Uint8Array.from(known)
  return new Int32Array(bytes.buffer, bytes.byteOffset, byteLength / 4)
}

/** Waits for the device; only for what kernels wrote, or what was never written. */
function readBack(
  address: bigint,
  byteLength: number,
  { device: { driver } }: CudaContext,
  stream: CudaHandle,
): Uint8Array {
  const bytes = new Uint8Array(byteLength)
  driver.call.copyOut(driver.addressOf(bytes), address, byteLength, stream)
  driver.call.streamSynchronize(stream)
  return bytes
}
