import { NotFoundError } from '@flexgen/spec'

/**
 * Imports an optional package.
 * @param what who asks, for the message, such as `backend 'onnxruntime'`
 * @throws {FlexgenError} `PACKAGE_NOT_FOUND` with the install command where the package is not installed
 */
export async function loadPackage<Module>(
  packageName: string,
  what: string,
  load: () => Promise<Module>,
): Promise<Module> {
  try {
    return await load()
  } catch (error) {
    // A package that is there but misses one of its own is another matter: it says so itself.
    if (!isMissing(error, packageName)) throw error
    throw new NotFoundError('PACKAGE_NOT_FOUND', `${what} needs the package ${packageName}, which is not installed`, {
      hint: `npm install ${packageName}`,
      cause: error,
    })
  }
}

function isMissing(error: unknown, packageName: string): boolean {
  return (
    error instanceof Error &&
    (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND' &&
    error.message.includes(`'${packageName}'`)
  )
}
