/**
 * The completion of one queued operation. All operations of one queue complete in the order in which they were
 * queued, so an event also says that everything before it in its queue has ended.
 */
export interface QueueEvent {
  /** Whether the operation has ended, well or with an error. */
  isDone(): boolean
  /** The error of a failed or cancelled operation. */
  readonly error: unknown
  /** Clock time of the end in milliseconds; undefined before it. */
  readonly completedAtMs: number | undefined
  /** Settles when the operation ends; rejects with its error. The promise is made when asked for. */
  whenDone(): Promise<void>
  /** Calls the listener once the operation has ended, at once where it already has. */
  onSettled(listener: (error: unknown) => void): void
}
