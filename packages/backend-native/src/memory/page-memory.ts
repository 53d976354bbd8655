import { OutOfMemoryError } from '@flexgen/spec'
import type { Koffi } from '../library/koffi-library.ts'

/** Memory that is zero-filled, aligned to pages, and really given back. */
export interface PageMemory {
  /** Maps memory. @throws {FlexgenError} `OUT_OF_MEMORY` */
  map(byteLength: number): MappedMemory
}

/** A mapping; after `unmap` every view of `buffer` is detached and has no bytes. */
export interface MappedMemory {
  readonly buffer: ArrayBuffer
  readonly address: number
  unmap(): void
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
export function createPageMemory(koffi: Koffi): PageMemory {
  return process.platform === 'linux' ? mappedMemory(koffi) : collectedMemory(koffi)
}

function mappedMemory(koffi: Koffi): PageMemory {
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
        address: Number(address),
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

function collectedMemory(koffi: Koffi): PageMemory {
  return {
    map(byteLength) {
      try {
        const buffer = new ArrayBuffer(Math.max(byteLength, 1))
        const address = Number(koffi.address(buffer))
        return { buffer, address, unmap: () => void (buffer.detached || buffer.transfer(0)) }
      } catch (cause) {
        throw refused(byteLength, cause)
      }
    },
  }
}

function refused(byteLength: number, cause?: unknown): OutOfMemoryError {
  return new OutOfMemoryError(`the system refused ${byteLength} bytes of memory`, { cause })
}
