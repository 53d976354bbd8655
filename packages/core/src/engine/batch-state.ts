import { type Model, type Queue, type QueueEvent, type Span, spanOf } from '@flexgen/spec'
import type { LiveRow } from '../schedule/sweep.ts'
import type { Activations } from './activation-pool.ts'
import { allocateInputs, type BatchInputs, fillInputs } from './batch-inputs.ts'
import type { AttentionPlace } from './cache-lane.ts'
import type { LoadedCache } from './cache-store.ts'
import { type HeadRow, headRow, type HeldOutput } from './head-outputs.ts'
import { copyMirrorIn, type HeldBuffers, type MirroredBuffer } from './held-buffers.ts'
import type { HiddenSlot } from './hidden-store.ts'
import type { LoadedLayer } from './weight-loader.ts'
import { gatherBytes, type GatheredRows, gatherRows, type RowGatherOptions, tableRowBytes } from './row-gather.ts'

/** Sizes and source of what a batch holds. */
export interface BatchOptions {
  readonly model: Model
  /** Most rows and most tokens of a row. */
  readonly rows: number
  readonly seq: number
  /** Positions of a row for which the head gives something: the last, or all of them. */
  readonly headPositions: 'last' | 'all'
  /** What it gives, for the whole block. */
  readonly outputs: readonly HeldOutput[]
  /** The one of them that the host reads. */
  readonly read: HeldOutput
  /** First row of the batch in them. */
  readonly firstRow: number
  /** Where rows of the token table come from, if it lies on disk. */
  readonly gather: RowGatherOptions | undefined
}

/** A batch between the parts of a layer. */
export interface StartedBatch {
  readonly weights: LoadedLayer
  readonly input: HiddenSlot
  readonly activations: Activations
  /** After these all rows are attended, and the device sees them. */
  readonly attended: readonly QueueEvent[]
}

/** One GPU batch of a block: its own buffers, and what its steps hand to each other within a sweep. */
export class BatchState {
  readonly inputs: BatchInputs
  readonly #options: BatchOptions
  /** First of its positions in what the head gives. */
  readonly #firstPosition: number
  readonly #tableRows: MirroredBuffer | undefined
  #gathered: GatheredRows | undefined
  rows: readonly LiveRow[] = []
  /** Tokens of the longest row of this sweep. */
  seq = 0
  cache: LoadedCache | undefined
  /** Ends of the runs of attention, by place. */
  attended: Partial<Record<AttentionPlace, QueueEvent>> = {}
  /** What a batch that has started in a layer of several stages holds until it ends there. */
  started: StartedBatch | undefined
  output: HiddenSlot | undefined
  /** End of the last run; after `sample` also what the host reads is there. */
  computed: QueueEvent | undefined

  /** Allocates the buffers; after a failure they are in `buffers` all the same. */
  constructor(buffers: HeldBuffers, options: BatchOptions) {
    const { rows, seq, gather } = options
    this.#options = options
    this.inputs = allocateInputs(buffers, rows, seq)
    this.#firstPosition = this.#headPositions(options.firstRow, seq)
    if (gather !== undefined) this.#tableRows = buffers.allocateMirrored(gatherBytes(gather.table.unit, rows * seq))
  }

  /** Fills the inputs of a sweep and queues what the device needs of them. */
  begin(rows: readonly LiveRow[], tokenOf: (row: LiveRow, index: number) => number, queue: Queue): void {
    const { model, gather } = this.#options
    this.rows = rows
    this.seq = rows.reduce((most, row) => Math.max(most, row.newTokens), 0)
    fillInputs(this.inputs, rows, this.seq, model.padId, tokenOf)
    const { ids, positions, lengths } = this.inputs
    const tokens = rows.length * this.seq
    if (gather !== undefined) {
      this.#gathered = gatherRows(gather, ids.values.subarray(0, tokens), this.#tableRows!.host)
    }
    copyMirrorIn(queue, ids, tokens * 4)
    copyMirrorIn(queue, positions, tokens * 4)
    copyMirrorIn(queue, lengths, rows.length * 4)
  }

  /** Lets a queue wait for the rows of the token table that the ids ask for, and says where they will be. */
  fetchTableRows(queue: Queue): { readonly span: Span; readonly rowCount: number } {
    const { rowCount, ready } = this.#gathered!
    const byteLength = rowCount * tableRowBytes(this.#options.gather!.table.unit)
    if (ready !== undefined) queue.wait(ready)
    copyMirrorIn(queue, this.#tableRows!, byteLength)
    return { span: spanOf(this.#tableRows!.device, 0, byteLength), rowCount }
  }

  /** Where the head writes what it gives, and the shapes `[batch, positions, ...]`. */
  headOutputs(): readonly { readonly name: string; readonly span: Span; readonly shape: readonly number[] }[] {
    const { outputs, headPositions } = this.#options
    const rows = this.rows.length
    return outputs.map((output) => ({
      name: output.name,
      span: this.#spanOf(output, 'device'),
      shape: [rows, headPositions === 'all' ? this.seq : 1, ...output.shape],
    }))
  }

  /** Queues the way of what is read to the host, if there is one. */
  fetchOutput(queue: Queue): void {
    const { read } = this.#options
    if (read.buffer.host === read.buffer.device) return
    this.computed = queue.copyOut(this.#spanOf(read, 'host'), this.#spanOf(read, 'device'))
  }

  /** Calls `visit` with what is read of every row's new positions, once it is there. */
  async finish(visit: (row: LiveRow, given: HeadRow) => void): Promise<void> {
    await this.computed!.whenDone()
    const { read, headPositions } = this.#options
    this.rows.forEach((row, b) => {
      const first = this.#firstPosition + this.#headPositions(b, this.seq)
      visit(row, headRow(read, first, headPositions === 'all' ? row.newTokens : 1))
    })
  }

  #spanOf<Side extends keyof MirroredBuffer>(
    { buffer, positionBytes }: HeldOutput,
    side: Side,
  ): Span<MirroredBuffer[Side]> {
    const positions = this.#headPositions(this.rows.length, this.seq)
    return spanOf(buffer[side], this.#firstPosition * positionBytes, positions * positionBytes)
  }

  #headPositions(rows: number, seq: number): number {
    return rows * (this.#options.headPositions === 'all' ? seq : 1)
  }
}
