import { spanOf } from '@flexgen/spec'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNativeBackend } from '../src/index.ts'
import { compileLibrary } from '../src/library/compile-library.ts'
import { loadKoffi } from '../src/library/koffi-library.ts'
import { loadLibrary, type NativeLibrary } from '../src/library/native-library.ts'
import { CompletionPort } from '../src/queue/completion-port.ts'
import { hasNative } from './support/levels.ts'

describe.runIf(hasNative)('native queues', () => {
  let library: NativeLibrary
  let handle = 0n
  let port: CompletionPort
  beforeAll(async () => {
    library = loadLibrary(await loadKoffi(), await compileLibrary())
    handle = library.open(1, 0, null)!
    port = new CompletionPort(library, handle)
  })
  afterAll(() => {
    port.close()
    library.close(handle)
  })

  it('are used again once their operations have ended, and not while somebody waits for one of these', () => {
    const take = (): number => port.takeQueue(() => {})
    expect([take(), take()]).toEqual([0, 1])
    port.giveQueue(0)
    expect(take()).toBe(0)
    port.waitSubmitted(0)
    port.waitSubmitted(0)
    port.giveQueue(0)
    port.waitEnded(0)
    expect(take()).toBe(2)
    port.waitEnded(0)
    expect(take()).toBe(0)
  })

  it('keep an operation that another queue waits for later than it ended', async () => {
    const backend = await createNativeBackend({ threads: 1 })
    const bytes = backend.allocate(64 * 2 ** 20)
    const [half, tiny] = [bytes.byteLength / 2, 8]
    const [first, second] = [backend.createQueue('first'), backend.createQueue('second')]
    const early = first.copy(spanOf(bytes, 0, tiny), spanOf(bytes, half, tiny))
    // It has ended, and so has its queue, when it is the turn of the wait for it, unless this thread comes late.
    second.copy(spanOf(bytes, 0, half), spanOf(bytes, half, half))
    second.wait(early)
    const late = second.copy(spanOf(bytes, 0, tiny), spanOf(bytes, half, tiny))
    await early.whenDone()
    await late.whenDone()
    expect([early.error, late.error]).toEqual([undefined, undefined])
    await backend[Symbol.asyncDispose]()
  })
})
