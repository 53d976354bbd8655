import type { GenerationEvent } from './engine-options.ts'

/** Lets all else through and holds results back until all earlier ones are there. */
export async function* inOrder(
  events: AsyncGenerator<GenerationEvent, void, void>,
): AsyncGenerator<GenerationEvent, void, void> {
  const waiting = new Map<number, GenerationEvent>()
  let next = 0
  for await (const event of events) {
    if (event.type !== 'result') yield event
    else {
      waiting.set(event.result.sequence, event)
      for (let ready = waiting.get(next); ready !== undefined; ready = waiting.get(next)) {
        waiting.delete(next++)
        yield ready
      }
    }
  }
}
