/** A row of a trace on which spans follow each other. */
export interface TraceLane {
  /** Counts lanes from 1. */
  readonly id: number
  /** The queue's name, from its second lane on with a number: `weights read`, `weights read 2`. */
  readonly name: string
  readonly isNew: boolean
}

/** Where spans go: trace viewers cannot show spans of one row that overlap, and a queue has several in flight. */
export interface TraceLanes {
  /** The first lane of the queue that is free from `startMs` on; takes it until `endMs`. */
  place(queue: string, startMs: number, endMs: number): TraceLane
}

/** No lanes yet. */
export function createTraceLanes(): TraceLanes {
  const lanesOf = new Map<string, { readonly id: number; endMs: number }[]>()
  let count = 0
  return {
    place(queue, startMs, endMs) {
      const lanes = lanesOf.get(queue) ?? []
      lanesOf.set(queue, lanes)
      const free = lanes.findIndex((lane) => lane.endMs <= startMs)
      const isNew = free < 0
      const index = isNew ? lanes.push({ id: ++count, endMs }) - 1 : free
      const lane = lanes[index]!
      lane.endMs = Math.max(lane.endMs, endMs)
      return { id: lane.id, name: index === 0 ? queue : `${queue} ${index + 1}`, isNew }
    },
  }
}
