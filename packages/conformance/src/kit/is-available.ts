import { FlexgenError } from '@flexgen/spec'

/**
 * Whether a backend can be made on this machine. Where it cannot, which is no fault of a test, the reason is printed, and
 * its tests are to be skipped: `describe.skipIf(!(await isAvailable('native', create)))`. Any other failure is thrown.
 */
export async function isAvailable(name: string, create: () => Promise<AsyncDisposable>): Promise<boolean> {
  try {
    await using _ = await create()
    return true
  } catch (error) {
    if (!(FlexgenError.isInstance(error) && error.code === 'BACKEND_UNAVAILABLE')) throw error
    process.stdout.write(`tests of ${name} are skipped here: ${error.message}\n`)
    return false
  }
}
