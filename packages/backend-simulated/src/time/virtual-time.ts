import type { Clock, QueueEvent } from '@flexgen/spec'
import type { SharedResource } from './shared-resource.ts'

/** Real time after which the event loop gets a turn, so that signals and timers are heard. */
const turnMs = 50

interface Alarm {
  readonly atMs: number
  readonly ring: () => void
}

/**
 * The virtual clock. It stands still while JavaScript works and moves only while somebody waits: whoever asks for
 * `whenDone` or `idle` lets it run to the end of what he waits for and no further. Nothing depends on real time.
 */
export class VirtualTime implements Clock {
  readonly #resources: SharedResource[] = []
  /** Earliest first. */
  readonly #alarms: Alarm[] = []
  #nowMs = 0
  #waiting = 0
  /** How often a wait has ended. */
  #ended = 0
  #isScheduled = false
  #turnedAtMs = performance.now()

  now(): number {
    return this.#nowMs
  }

  /** Makes a resource known. */
  add(resource: SharedResource): void {
    this.#resources.push(resource)
  }

  /** Calls back at a time of the clock, before operations that end then; returns what takes it back. */
  at(atMs: number, ring: () => void): () => void {
    const alarm = { atMs: Math.max(atMs, this.#nowMs), ring }
    const index = this.#alarms.findIndex((other) => other.atMs > alarm.atMs)
    this.#alarms.splice(index < 0 ? this.#alarms.length : index, 0, alarm)
    return () => {
      const place = this.#alarms.indexOf(alarm)
      if (place >= 0) this.#alarms.splice(place, 1)
    }
  }

  /** Lets the clock run until an event has ended. */
  await(event: QueueEvent): void {
    if (event.isDone()) return
    event.onSettled(this.beginWait())
  }

  /** Lets the clock run until the returned function is called. */
  beginWait(): () => void {
    this.#waiting++
    this.wake()
    return () => {
      this.#waiting--
      this.#ended++
    }
  }

  /** Says that there is something to do; harmless where nobody waits. */
  wake(): void {
    if (this.#isScheduled || this.#waiting === 0) return
    this.#isScheduled = true
    if (performance.now() - this.#turnedAtMs < turnMs) queueMicrotask(this.#run)
    else this.#runAfterTurn()
  }

  #runAfterTurn(): void {
    this.#isScheduled = true
    setImmediate(() => {
      this.#turnedAtMs = performance.now()
      this.#run()
    })
  }

  readonly #run = (): void => {
    const ended = this.#ended
    while (this.#waiting > 0 && this.#ended === ended && this.#step());
    this.#isScheduled = false
    // Others still wait, but whoever waited for this may queue something first: microtasks go before the next turn.
    if (this.#waiting > 0 && this.#ended !== ended) this.#runAfterTurn()
  }

  /** Moves on to the next thing that happens; false where nothing will. */
  #step(): boolean {
    let next: SharedResource | undefined
    let nextMs = Number.POSITIVE_INFINITY
    for (const resource of this.#resources) {
      if (resource.nextMs >= nextMs) continue
      next = resource
      nextMs = resource.nextMs
    }
    if (next === undefined) return false
    const alarm = this.#alarms[0]
    if (alarm !== undefined && alarm.atMs <= nextMs) {
      this.#alarms.shift()
      this.#nowMs = Math.max(this.#nowMs, alarm.atMs)
      alarm.ring()
      return true
    }
    this.#nowMs = Math.max(this.#nowMs, nextMs)
    const operation = next.finishNext()
    operation.owner.completed(operation)
    return true
  }
}
