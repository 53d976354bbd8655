import { constants } from 'node:os'

/** An error as the operating system gives it to Node: with a `code` such as `EIO`, an `errno` and the call. */
export function systemError(code: string, syscall: string, path: string): Error {
  const errno = constants.errno[code as keyof typeof constants.errno]
  // The only place that makes a bare error: it stands for one of Node's own.
  // oxlint-disable-next-line flexgen/no-bare-error
  return Object.assign(new Error(`${code}: made to fail, ${syscall} '${path}'`), {
    code,
    errno: -(errno ?? 1),
    syscall,
    path,
  })
}
