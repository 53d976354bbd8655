import { SettableEvent } from '@flexgen/spec'
import type { SharedResource } from './shared-resource.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What an operation holds while it runs. */
export interface Hold {
  /** @throws {FlexgenError} what the operation then fails with */
  begin(): void
  end(): void
}

/** Who queued an operation; told when its work is done. */
export interface OperationOwner {
  readonly time: VirtualTime
  completed(operation: Operation): void
}

/** One queued operation and its event: nothing but a label, a size and a time. */
export class Operation extends SettableEvent {
  readonly owner: OperationOwner
  readonly label: string
  readonly sizeBytes: number
  readonly resource: SharedResource
  /**
   * At full speed and alone, fixed costs included; once it runs, the work of the resource at which it is done. One number:
   * every one of an object is an object of its own, and there are millions of operations.
   */
  workSeconds: number
  readonly hold: Hold | undefined
  startedAtMs = 0

  constructor(
    owner: OperationOwner,
    label: string,
    sizeBytes: number,
    resource: SharedResource,
    workSeconds: number,
    hold: Hold | undefined,
  ) {
    super()
    this.owner = owner
    this.label = label
    this.sizeBytes = sizeBytes
    this.resource = resource
    this.workSeconds = workSeconds
    this.hold = hold
  }

  override whenDone(): Promise<void> {
    const done = super.whenDone()
    this.owner.time.await(this)
    return done
  }
}
