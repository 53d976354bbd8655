import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'

/** Brings pages of memory that may be in use into place, on several threads. */
export interface PageToucher {
  /** Settles once every page of the range is there; also where that cannot be done ahead. */
  touch(address: bigint, byteLength: number): Promise<void>
  close(): void
}

/** So much is one message: enough messages for every thread. */
const pieceBytes = 32 * 2 ** 20
const mostThreads = 16

/**
 * Makes a toucher; its threads come with the first range. New pages come with 3 GB/s on one thread, 8 GB/s by
 * `MADV_POPULATE_WRITE` on any number, and 33 to 41 GB/s where 16 threads touch them (measured on an H200 machine).
 */
export function createPageToucher(): PageToucher {
  const waiting = new Map<number, () => void>()
  let workers: Worker[] | undefined
  let count = 0
  let isClosed = false
  const giveUp = (): void => {
    // Without threads the pages come when they are registered.
    for (const resolve of waiting.values()) resolve()
    waiting.clear()
  }
  const start = (): Worker[] =>
    Array.from({ length: Math.min(mostThreads, availableParallelism()) }, () => {
      const worker = new Worker(touchCode, { eval: true, execArgv: [], workerData: { koffiPath: koffiPath() } })
      worker.unref()
      worker.on('message', (id: number) => {
        waiting.get(id)?.()
        waiting.delete(id)
      })
      worker.on('error', giveUp)
      return worker
    })
  return {
    async touch(address, byteLength) {
      if (isClosed) return
      workers ??= start()
      const pieces = Array.from({ length: Math.ceil(byteLength / pieceBytes) }, (_, i) => {
        const id = count++
        const from = address + BigInt(i * pieceBytes)
        const size = Math.min(pieceBytes, byteLength - i * pieceBytes)
        return new Promise<void>((resolve) => {
          waiting.set(id, resolve)
          workers![id % workers!.length]!.postMessage({ id, from, size })
        })
      })
      await Promise.all(pieces)
    },
    close() {
      isClosed = true
      // Threads end behind what they are touching: the memory must still be there until then.
      for (const worker of workers ?? []) worker.postMessage(undefined)
    },
  }
}

function koffiPath(): string {
  return createRequire(import.meta.url).resolve('koffi')
}

/** An atomic "or" with nothing: it makes a page without changing what somebody else may be writing there. */
const touchCode = `
const { parentPort, workerData } = require('node:worker_threads')
const koffi = require(workerData.koffiPath)
parentPort.on('message', (range) => {
  if (range === undefined) return parentPort.close()
  const words = new Int32Array(koffi.view(range.from, range.size))
  for (let i = 0; i < words.length; i += 1024) Atomics.or(words, i, 0)
  parentPort.postMessage(range.id)
})
`
