import { OutOfMemoryError } from '@flexgen/spec'

/** Does what may find no memory: then that is told, and the run goes on. @returns whether it was done */
export function refusing(act: () => unknown, onRefusal: (why: string) => void): boolean {
  try {
    act()
    return true
  } catch (error) {
    if (!(error instanceof OutOfMemoryError)) throw error
    onRefusal(error.message)
    return false
  }
}
