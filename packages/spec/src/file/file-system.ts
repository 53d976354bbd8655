/** An open file; positions are explicit, so that several reads may be in flight. */
export interface FileHandle {
  /** Reads up to `target.byteLength` bytes; returns how many arrived, 0 at the end of the file. */
  read(target: Uint8Array, position: number): Promise<number>
  /** Writes up to `source.byteLength` bytes; returns how many were written. */
  write(source: Uint8Array, position: number): Promise<number>
  sizeBytes(): Promise<number>
  truncate(sizeBytes: number): Promise<void>
  sync(): Promise<void>
  close(): Promise<void>
}

/** How a file is opened. `direct` bypasses the page cache where the platform can (aligned reads only). */
export type OpenMode = 'read' | 'read-direct' | 'create' | 'read-write'

/** The few file operations that the project needs; errors carry the system's `code` (`ENOENT`, `ENOSPC`, ...). */
export interface FileSystem {
  open(path: string, mode: OpenMode): Promise<FileHandle>
  readFile(path: string): Promise<Uint8Array>
  /** Names in a folder. */
  list(path: string): Promise<string[]>
  makeFolder(path: string): Promise<void>
  remove(path: string): Promise<void>
  realPath(path: string): Promise<string>
  /** Undefined where nothing is there. */
  stat(path: string): Promise<{ readonly kind: 'file' | 'folder' | 'other'; readonly sizeBytes: number } | undefined>
}
