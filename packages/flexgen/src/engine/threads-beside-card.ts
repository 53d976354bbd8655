import { availableParallelism } from 'node:os'

/**
 * Threads of a backend that attends on the host beside a card: all cores but one. The main thread hands work to the card
 * and looks for what has ended, all the time; the host kernels wait for the last of their threads, so that one which had to share its
 * core would hold up every batch.
 */
export function threadsBesideCard(cores: number = availableParallelism()): number {
  return Math.max(1, cores - 1)
}
