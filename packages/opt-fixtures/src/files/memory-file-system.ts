import type { FileHandle, FileSystem } from '@flexgen/spec'

function systemError(code: string, path: string): Error {
  // It stands for one of Node's own.
  // oxlint-disable-next-line flexgen/no-bare-error
  return Object.assign(new Error(`${code}: '${path}'`), { code })
}

/** A read-only file system of the given files; folders are those that paths go through. */
export function memoryFileSystem(files: Readonly<Record<string, Uint8Array>>): FileSystem {
  const table = new Map(Object.entries(files))
  const isFolder = (path: string): boolean => [...table.keys()].some((name) => name.startsWith(`${path}/`))
  const find = (path: string): Uint8Array => {
    const bytes = table.get(path)
    if (bytes === undefined) throw systemError('ENOENT', path)
    return bytes
  }
  const refuse = (): Promise<never> => Promise.reject(systemError('EROFS', 'read only'))

  return {
    async open(path): Promise<FileHandle> {
      const bytes = find(path)
      let isClosed = false
      return {
        async read(target, position) {
          if (isClosed) throw systemError('EBADF', path)
          const part = bytes.subarray(position, position + target.byteLength)
          target.set(part)
          return part.byteLength
        },
        write: refuse,
        sizeBytes: async () => bytes.byteLength,
        truncate: refuse,
        sync: refuse,
        close: async () => {
          isClosed = true
        },
      }
    },
    readFile: async (path) => find(path),
    list: async (path) => {
      const inside = [...table.keys()].filter((name) => name.startsWith(`${path}/`))
      return [...new Set(inside.map((name) => name.slice(path.length + 1).split('/')[0]!))]
    },
    makeFolder: refuse,
    remove: refuse,
    realPath: async (path) => path,
    async stat(path) {
      const bytes = table.get(path)
      if (bytes !== undefined) return { kind: 'file', sizeBytes: bytes.byteLength }
      return isFolder(path) ? { kind: 'folder', sizeBytes: 0 } : undefined
    },
  }
}
