import type { QueueEvent } from '@flexgen/spec'
import type { Completion } from './completion-port.ts'
import type { NativeEvent } from './native-event.ts'

/** An operation of a queue. */
export interface Operation {
  readonly label: string
  /** Bytes moved; 0 for computation. */
  readonly sizeBytes: number
  readonly event: NativeEvent
  /**
   * Gives the operation to the library as one of a native queue; an event instead where that must wait for it first.
   * @throws {FlexgenError} where it cannot run
   */
  readonly submit: (queue: number) => QueueEvent | undefined
  /** Error of a failure that the library reports. */
  readonly errorOf: (completion: Completion) => unknown
}

/** A wait for an operation of another native queue. */
export interface NativeWait {
  readonly waitsFor: NativeEvent
  /** Native queue of that operation. */
  readonly queue: number
}

/** What a queue holds, in order, until it has ended: submitted, or dropped with an error before that. */
export interface Flight {
  readonly entry: Operation | NativeWait
  readonly dropped: { readonly error: unknown } | undefined
}
