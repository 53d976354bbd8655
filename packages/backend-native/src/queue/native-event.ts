import { SettableEvent } from '@flexgen/spec'

/** Where an operation stands in the library: the how manieth of which native queue. */
export interface NativePlace {
  readonly handle: bigint
  readonly queue: number
  readonly operation: number
}

/** The event of an operation; once it was submitted, other queues of the same backend wait for it natively. */
export class NativeEvent extends SettableEvent {
  place: NativePlace | undefined = undefined
}
