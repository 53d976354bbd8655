import { StorageError } from '@flexgen/spec'
import { stat } from 'node:fs/promises'

/** What lies at a place; undefined where nothing does. */
export async function statOf(place: string): Promise<Awaited<ReturnType<typeof stat>> | undefined> {
  try {
    return await stat(place)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Translates what the system says of work on a place that is written. @throws {FlexgenError} */
export async function guardWrite<T>(place: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw StorageError.from(error, `write ${place}`)
  }
}
