import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'
import type { FileSystem, TensorInfo, WeightSource } from '@flexgen/spec'
import { type Fault, createFaultyFileSystem, type FaultyFileSystem } from '../files/faulty-file-system.ts'
import { assertBytes } from '../kit/assert-bytes.ts'
import { turnLoop } from '../kit/pause.ts'
import { assertFlexgenError, assertRefused } from '../kit/refusal.ts'
import type { TestKit } from '../kit/test-kit.ts'

/** Bytes of a tensor that are read at most. */
const mostBytes = 1 << 16

/** Registers the tests of a weight source whose files are read with faults. */
export function faultsSuite(
  { it }: TestKit,
  inner: FileSystem,
  openOn: (fileSystem: FileSystem) => Promise<WeightSource>,
): void {
  const faulty = (...faults: Fault[]): FaultyFileSystem => createFaultyFileSystem(inner, { faults })

  /** How often files are read, and how many bytes at most, until the source is open. */
  const readsToOpen = async (): Promise<number> => {
    const fileSystem = faulty()
    await using _ = await openOn(fileSystem)
    return fileSystem.calls.get('read') ?? 0
  }

  it('short reads give the same bytes', async () => {
    await using source = await openOn(inner)
    await using short = await openOn(faulty({ on: 'read', effect: { kind: 'short', sizeBytes: 501 } }))
    for (const tensor of source.tensors.values())
      assertBytes(await read(short, tensor), await read(source, tensor), tensor.name)
  })

  it('a read that fails is an error of the project, and the next one works', async () => {
    const fileSystem = faulty({ on: 'read', nth: (await readsToOpen()) + 1, effect: { kind: 'error', code: 'EIO' } })
    await using source = await openOn(fileSystem)
    const tensor = largest(source)
    await assertRefused('a read that fails', () => read(source, tensor), ['READ_FAILED'])
    await using whole = await openOn(inner)
    assertBytes(await read(source, tensor), await read(whole, tensor), tensor.name)
  })

  it('a file that is cut off is refused when it is opened', async () => {
    await using source = await openOn(inner)
    for (const [path, end] of endsOf(source)) {
      const cut = createFaultyFileSystem(inner, { truncated: { [path]: end - 1 } })
      await assertRefused(`${path} without its last byte`, () => openOn(cut), ['CORRUPT_DATA'])
      assert.equal(cut.openCount(), 0, 'files that are still open')
    }
  })

  it('closes its files, also where it cannot be opened', async () => {
    const fileSystem = faulty()
    const source = await openOn(fileSystem)
    await read(source, largest(source))
    await source[Symbol.asyncDispose]()
    assert.equal(fileSystem.openCount(), 0, 'files that are open after dispose')
    for (let nth = 1; nth <= Math.min(await readsToOpen(), 8); nth++) {
      const failing = faulty({ on: 'read', nth, effect: { kind: 'error', code: 'EIO' } })
      await assertRefused(`opening with read ${nth} failing`, () => openOn(failing), ['READ_FAILED'])
      assert.equal(failing.openCount(), 0, `files that are open after read ${nth} failed`)
    }
  })

  it('a read that is stopped half way writes nothing after it has settled', async () => {
    const late: Fault = {
      on: 'read',
      nth: (await readsToOpen()) + 1,
      times: 100,
      effect: { kind: 'delay', durationMs: 20 },
    }
    await using source = await openOn(faulty(late))
    const { name, byteLength } = largest(source)
    const target = new Uint8Array(Math.min(byteLength, mostBytes)).fill(0xa5)
    const controller = new AbortController()
    const reading = source.read(name, 0, target, controller.signal)
    await turnLoop()
    controller.abort()
    // What cannot be stopped any more may as well succeed.
    await reading.catch((error: unknown) => assertFlexgenError(error, ['ABORTED']))
    const settled = target.slice()
    await setTimeout(60)
    assertBytes(target, settled, `${name}, after the read was stopped`)
  })
}

async function read(source: WeightSource, { name, byteLength }: TensorInfo): Promise<Uint8Array> {
  const target = new Uint8Array(Math.min(byteLength, mostBytes))
  await source.read(name, 0, target)
  return target
}

function largest({ tensors }: WeightSource): TensorInfo {
  return [...tensors.values()].reduce((most, tensor) => (tensor.byteLength > most.byteLength ? tensor : most))
}

/** Where the last tensor of every file ends. */
function endsOf(source: WeightSource): Map<string, number> {
  const ends = new Map<string, number>()
  for (const { name, byteLength } of source.tensors.values()) {
    for (const extent of source.extents(name, 0, byteLength) ?? [])
      ends.set(extent.path, Math.max(ends.get(extent.path) ?? 0, extent.byteOffset + extent.byteLength))
  }
  return ends
}
