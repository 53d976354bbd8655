import type { Operation } from './operation.ts'
import type { VirtualTime } from './virtual-time.ts'

/** Another resource that is slower, and makes slower, while both are busy. */
interface Partner {
  readonly resource: SharedResource
  /** Speed of this one beside it, as a share of its speed alone. */
  readonly share: number
}

/**
 * A link or a place that computes. Operations that use it at once share its speed evenly; since all advance alike, the
 * one with the least work left ends first, and the work that each has had so far is one number for all of them.
 */
export class SharedResource {
  readonly name: string
  /** Clock time at which the next operation ends if nothing changes; infinite while idle. */
  nextMs: number = Number.POSITIVE_INFINITY
  /** Time that it was busy. */
  busyMs = 0
  readonly #time: VirtualTime
  /** By the end of their work, equals in the order in which they started. */
  readonly #running: Operation[] = []
  readonly #partners: Partner[] = []
  /** Seconds of work that every running operation has had. */
  #servedSeconds = 0
  #servedAtMs = 0
  #factor = 1
  #share = 1

  constructor(time: VirtualTime, name: string) {
    this.#time = time
    this.name = name
    time.add(this)
  }

  get isBusy(): boolean {
    return this.#running.length > 0
  }

  /** Speed against that of the profile, from now on. */
  setFactor(factor: number): void {
    this.#advance()
    this.#factor = factor
    this.#plan()
  }

  /** Makes both slower while both are busy. */
  couple(other: SharedResource, ownShare: number, otherShare: number): void {
    this.#partners.push({ resource: other, share: ownShare })
    other.#partners.push({ resource: this, share: otherShare })
  }

  /** Begins the work of an operation. */
  start(operation: Operation, seconds: number): void {
    this.#advance()
    const finish = this.#servedSeconds + seconds
    operation.workSeconds = finish
    let at = this.#running.length
    while (at > 0 && this.#running[at - 1]!.workSeconds > finish) at--
    if (at === this.#running.length) this.#running.push(operation)
    else this.#running.splice(at, 0, operation)
    if (this.#running.length === 1) this.#changedBusy()
    this.#plan()
  }

  /** Ends the operation that is due and returns it; the clock stands at `nextMs`. */
  finishNext(): Operation {
    this.#advance()
    // To shift a list of one costs more than the rest of this.
    const operation = (this.#running.length === 1 ? this.#running.pop() : this.#running.shift())!
    // Exactly, so that rounding never adds up.
    this.#servedSeconds = operation.workSeconds
    if (this.#running.length === 0) this.#changedBusy()
    this.#plan()
    return operation
  }

  #advance(): void {
    const nowMs = this.#time.now()
    if (this.#running.length > 0) {
      const elapsedMs = nowMs - this.#servedAtMs
      this.busyMs += elapsedMs
      this.#servedSeconds += (elapsedMs * this.#speed()) / (1000 * this.#running.length)
    }
    this.#servedAtMs = nowMs
  }

  #plan(): void {
    const first = this.#running[0]
    if (first === undefined) {
      this.nextMs = Number.POSITIVE_INFINITY
      // Small numbers are precise ones.
      this.#servedSeconds = 0
      return
    }
    const leftSeconds = Math.max(0, first.workSeconds - this.#servedSeconds)
    this.nextMs = this.#time.now() + (leftSeconds * this.#running.length * 1000) / this.#speed()
  }

  #speed(): number {
    return this.#factor * this.#share
  }

  #changedBusy(): void {
    for (const { resource } of this.#partners) resource.#reshare()
    this.#reshare()
  }

  #reshare(): void {
    if (this.#partners.length === 0) return
    this.#advance()
    this.#share = this.#partners.reduce(
      (least, { resource, share }) => (resource.isBusy ? Math.min(least, share) : least),
      1,
    )
    this.#plan()
  }
}
