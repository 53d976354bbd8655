import {
  bytesOf,
  type Clock,
  type Extent,
  type HostBuffer,
  InternalError,
  type QueueEvent,
  type Region,
  type RegionRange,
  type Span,
  spanOf,
  TaskQueue,
  type TierQueue,
  type TraceSink,
} from '@flexgen/spec'
import { type Access, conflict, memoryAccess, regionAccess, regionHulls } from './access.ts'
import type { ByteStore } from './byte-store.ts'
import { checkRange } from './check.ts'
import { OperationList } from './operation.ts'
import { pieceBytes } from './piece-bytes.ts'
import { batchReads, type ReadPart, type ReadRun, smallPartBytes } from './read-batches.ts'
import type { OwnedRegion } from './region-table.ts'

/** What a queue of a tier is made from. */
export interface TransferQueueOptions<Owned extends OwnedRegion> {
  readonly name: string
  readonly clock: Clock
  readonly trace?: TraceSink | undefined
  readonly store: ByteStore<Owned>
  /** Where a queue stands while it has operations, so that its tier can wait for it. */
  readonly busy: Set<TierQueue>
}

/** Takes the event of each piece of an operation. */
type Piece = (event: QueueEvent) => void

/** Moves the bytes of one piece; `position` is the place in the region or file. */
type Move = (position: number, bytes: Uint8Array) => void | Promise<void>

/** A region or file that is read. */
interface Place {
  readonly label: string
  readonly read: Move
  readonly readRuns: (runs: readonly ReadRun[]) => void | Promise<void>
}

/**
 * The queue of every tier: cuts transfers into pieces, so that one large transfer uses all lanes, joins small reads, and keeps
 * operations that share bytes in order although several are in flight.
 */
export class TransferQueue<Owned extends OwnedRegion> implements TierQueue {
  readonly name: string
  readonly #store: ByteStore<Owned>
  readonly #busy: Set<TierQueue>
  readonly #tasks: TaskQueue
  readonly #operations: OperationList

  constructor({ name, clock, trace, store, busy }: TransferQueueOptions<Owned>) {
    this.name = name
    this.#store = store
    this.#busy = busy
    this.#tasks = new TaskQueue({ name, clock, lanes: store.lanes, trace })
    this.#operations = new OperationList(clock)
  }

  read(target: Span<HostBuffer>, region: Region, byteOffset: number): QueueEvent {
    const owned = this.#check(target, region, byteOffset)
    const accesses = [memoryAccess(target, true), regionAccess(owned, byteOffset, target.byteLength, false)]
    return this.#add(accesses, (piece) =>
      this.#readParts(this.#regionPlace(owned), [{ position: byteOffset, target }], piece),
    )
  }

  readRanges(target: Span<HostBuffer>, ranges: readonly RegionRange[]): QueueEvent {
    this.#store.checkOpen()
    checkRange('a host buffer', target.byteOffset, target.byteLength, target.buffer.byteLength)
    const parts = ranges.map(({ region, byteOffset, byteLength, targetOffset }) => {
      const owned = this.#store.check(region, byteOffset, byteLength)
      checkRange('a target', targetOffset, byteLength, target.byteLength)
      const part = spanOf(target.buffer, target.byteOffset + targetOffset, byteLength)
      return { owned, position: byteOffset, target: part }
    })
    return this.#add([memoryAccess(target, true), ...regionHulls(ranges)], (piece) => {
      // An operation without bytes keeps its place in the order, too.
      if (parts.length === 0) piece(this.#tasks.push('read', 0, () => {}))
      for (const [owned, within] of Map.groupBy(parts, (part) => part.owned))
        this.#readParts(this.#regionPlace(owned), within, piece)
    })
  }

  write(region: Region, byteOffset: number, source: Span<HostBuffer>): QueueEvent {
    const owned = this.#check(source, region, byteOffset)
    const accesses = [memoryAccess(source, false), regionAccess(owned, byteOffset, source.byteLength, true)]
    return this.#add(accesses, (piece) =>
      this.#cut('write', byteOffset, source, piece, (position, bytes) => {
        checkHeld(owned)
        return this.#store.write(owned, position, bytes)
      }),
    )
  }

  readExtents(target: Span<HostBuffer>, extents: readonly Extent[]): QueueEvent {
    this.#store.checkOpen()
    checkRange('a host buffer', target.byteOffset, target.byteLength, target.buffer.byteLength)
    let sumBytes = 0
    for (const { path, byteOffset, byteLength } of extents) {
      checkRange(path, byteOffset, byteLength, Number.MAX_SAFE_INTEGER)
      sumBytes += byteLength
    }
    if (sumBytes !== target.byteLength)
      throw new InternalError(`extents of ${sumBytes} bytes do not fill a target of ${target.byteLength} bytes`)
    return this.#add([memoryAccess(target, true)], (piece) => {
      let at = target.byteOffset
      const parts = extents.map(({ path, byteOffset, byteLength }) => {
        const part = { path, position: byteOffset, target: spanOf(target.buffer, at, byteLength) }
        at += byteLength
        return part
      })
      for (const [path, within] of Map.groupBy(parts, (part) => part.path))
        this.#readParts(this.#filePlace(path), within, piece)
    })
  }

  task(label: string, sizeBytes: number, run: () => Promise<void>): QueueEvent {
    this.#store.checkOpen()
    return this.#add(undefined, (piece) => piece(this.#tasks.push(label, sizeBytes, run)))
  }

  wait(event: QueueEvent): void {
    this.#tasks.wait(event)
  }

  cancel(reason?: unknown): void {
    this.#tasks.cancel(reason)
  }

  idle(): Promise<void> {
    return this.#tasks.idle()
  }

  #check(span: Span<HostBuffer>, region: Region, byteOffset: number): Owned {
    checkRange('a host buffer', span.byteOffset, span.byteLength, span.buffer.byteLength)
    return this.#store.check(region, byteOffset, span.byteLength)
  }

  #add(accesses: readonly Access[] | undefined, queuePieces: (piece: Piece) => void): QueueEvent {
    // With one lane everything is in order anyway.
    const before =
      this.#store.lanes === 1 ? undefined : this.#operations.findLast((open) => conflict(open.accesses, accesses))
    if (before !== undefined) this.#tasks.wait(before.event)
    this.#busy.add(this)
    const { event } = this.#operations.add(accesses, queuePieces)
    event.onSettled(() => {
      if (this.#operations.isEmpty) this.#busy.delete(this)
    })
    return event
  }

  #regionPlace(owned: Owned): Place {
    return {
      label: 'read',
      read: (position, bytes) => {
        checkHeld(owned)
        return this.#store.read(owned, position, bytes)
      },
      readRuns: (runs) => {
        checkHeld(owned)
        return this.#store.readRuns(owned, runs)
      },
    }
  }

  #filePlace(path: string): Place {
    return {
      label: 'read file',
      read: (position, bytes) => this.#store.readFile(path, position, bytes),
      readRuns: (runs) => this.#store.readFileRuns(path, runs),
    }
  }

  #readParts({ label, read, readRuns }: Place, parts: readonly ReadPart[], piece: Piece): void {
    // One part alone goes straight to its target.
    const isSmall = ({ target }: ReadPart): boolean => parts.length > 1 && target.byteLength <= smallPartBytes
    for (const part of parts) if (!isSmall(part)) this.#cut(label, part.position, part.target, piece, read)
    for (const { sizeBytes, runs } of batchReads(parts.filter(isSmall)))
      piece(this.#tasks.push(label, sizeBytes, () => readRuns(runs)))
  }

  #cut(label: string, start: number, span: Span<HostBuffer>, piece: Piece, move: Move): void {
    // An operation without bytes keeps its place in the order, too.
    if (span.byteLength === 0) piece(this.#tasks.push(label, 0, () => {}))
    for (let done = 0; done < span.byteLength;) {
      const position = start + done
      const sizeBytes = pieceBytes(position, span.byteLength - done, this.#store.chunkBytes)
      const part = spanOf(span.buffer, span.byteOffset + done, sizeBytes)
      piece(this.#tasks.push(label, sizeBytes, () => move(position, bytesOf(part))))
      done += sizeBytes
    }
  }
}

/** Another region may have the place by now, so nothing may be moved any more. */
function checkHeld(region: OwnedRegion): void {
  if (region.released) throw new InternalError('a region was freed before an operation on it had ended')
}
