import { OutOfMemoryError } from '@flexgen/spec'

/** Memory that is zero-filled, aligned to pages, and really given back. */
export interface PageMemory {
  /** Maps memory. @throws {FlexgenError} `OUT_OF_MEMORY` */
  map(byteLength: number): MappedMemory
}

/** A mapping; after `unmap` every view of `buffer` is detached and has no bytes. */
export interface MappedMemory {
  readonly buffer: ArrayBuffer
  unmap(): void
}

/** What is used of koffi, which calls the C library: backends that have it pass it in. */
export interface ForeignCalls {
  load(path: null): ForeignLibrary
  view(address: bigint, byteLength: number): ArrayBuffer
}

interface ForeignLibrary {
  func(name: string, result: string, parameters: string[]): (...values: unknown[]) => unknown
}

const pageBytes = 4096
const hugePageHintBytes = 4 * 2 ** 20
const readWrite = 3
const privateAnonymous = 0x22
const adviseHugePages = 14
const mapFailed = 2n ** 64n - 1n

/**
 * Page memory of this platform: anonymous mappings on Linux, where freed memory leaves the resident set at once;
 * over-allocated array buffers elsewhere, which the garbage collector frees.
 */
export function createPageMemory(koffi: ForeignCalls | undefined): PageMemory {
  return koffi !== undefined && process.platform === 'linux' ? mappedMemory(koffi) : collectedMemory()
}

function mappedMemory(koffi: ForeignCalls): PageMemory {
  const libc = koffi.load(null)
  const map = libc.func('mmap', 'void *', ['void *', 'size_t', 'int', 'int', 'int', 'int64_t'])
  const unmap = libc.func('munmap', 'int', ['void *', 'size_t'])
  const advise = libc.func('madvise', 'int', ['void *', 'size_t', 'int'])
  return {
    map(byteLength) {
      const mappedBytes = Math.max(1, Math.ceil(byteLength / pageBytes)) * pageBytes
      const address = map(null, mappedBytes, readWrite, privateAnonymous, -1, 0) as bigint
      if (address === mapFailed) throw refused(byteLength)
      if (mappedBytes >= hugePageHintBytes) advise(address, mappedBytes, adviseHugePages)
      const buffer = koffi.view(address, mappedBytes)
      return {
        buffer,
        unmap() {
          if (buffer.detached) return
          // First detach: no view that somebody still holds may reach memory that is no longer ours.
          buffer.transfer(0)
          unmap(address, mappedBytes)
        },
      }
    },
  }
}

function collectedMemory(): PageMemory {
  return {
    map(byteLength) {
      try {
        const buffer = new ArrayBuffer(Math.max(byteLength, 1))
        return { buffer, unmap: () => void (buffer.detached || buffer.transfer(0)) }
      } catch (cause) {
        throw refused(byteLength, cause)
      }
    },
  }
}

function refused(byteLength: number, cause?: unknown): OutOfMemoryError {
  return new OutOfMemoryError(`the system refused ${byteLength} bytes of memory`, { cause })
}
