import { AbortedError, type TierQueue } from '@flexgen/spec'

/** Cancels the queues of a tier that is disposed, and waits until no bytes move any more. */
export async function stopQueues(tierName: string, queues: ReadonlySet<TierQueue>): Promise<void> {
  const idle = [...queues].map((queue) => {
    queue.cancel(new AbortedError(`the ${tierName} tier was disposed`))
    return queue.idle()
  })
  await Promise.all(idle)
}
