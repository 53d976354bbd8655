import { createFaultyFileSystem } from '@flexgen/conformance'
import { memoryFileSystem } from '@flexgen/opt-fixtures'
import { describe, expect, it } from 'vitest'
import { pattern, utf8 } from '../test/support/bytes.ts'
import { expectCode } from '../test/support/expect-code.ts'
import { writeNpy } from '../test/support/write-npy.ts'
import { smallSafetensors } from '../test/support/write-safetensors.ts'
import { writeTorch } from '../test/support/write-torch.ts'
import { openCheckpoint } from './open-checkpoint.ts'

const torch = writeTorch({ p: { key: '0', capacity: 2, shape: [2], strides: [1] } }, { 0: pattern(8) })
const index = (file: string, name: string): Uint8Array => utf8(JSON.stringify({ weight_map: { [name]: file } }))
const everything: readonly (readonly [name: string, bytes: Uint8Array, tensor: string])[] = [
  ['model.safetensors.index.json', index('shard.safetensors', 'b'), 'b'],
  ['model.safetensors', smallSafetensors(), 'a'],
  ['pytorch_model.bin.index.json', index('shard.bin', 'p'), 'p'],
  ['pytorch_model.bin', torch, 'p'],
  ['n.weight', writeNpy('<f2', [1], pattern(2)), 'n.weight'],
]
const shards = { '/m/shard.safetensors': smallSafetensors(), '/m/shard.bin': torch }

describe('openCheckpoint', () => {
  it('takes the first form that is there, in the stated order', async () => {
    for (let first = 0; first < everything.length; first++) {
      const files = Object.fromEntries(everything.slice(first).map(([name, bytes]) => [`/m/${name}`, bytes]))
      await using source = await openCheckpoint('/m', { fileSystem: memoryFileSystem({ ...files, ...shards }) })
      expect([...source.tensors.keys()][0]).toBe(everything[first]![2])
      expect(source.description).toContain(everything[first]![0].replace('n.weight', '/m'))
    }
  })

  it('takes the preferred format where it is there', async () => {
    const files = Object.fromEntries(everything.map(([name, bytes]) => [`/m/${name}`, bytes]))
    const fileSystem = memoryFileSystem({ ...files, ...shards })
    for (const [preferred, tensor] of [
      ['pytorch', 'p'],
      ['numpy', 'n.weight'],
      ['safetensors', 'b'],
    ] as const) {
      await using source = await openCheckpoint('/m', { fileSystem, preferred })
      expect([...source.tensors.keys()]).toEqual([tensor])
    }
    const only = memoryFileSystem({ '/m/pytorch_model.bin': torch })
    await using source = await openCheckpoint('/m', { fileSystem: only, preferred: 'numpy' })
    expect(source.tensors.has('p')).toBe(true)
  })

  it('lists what it looked for', async () => {
    const fileSystem = memoryFileSystem({ '/m/config.json': utf8('{}') })
    await expectCode(
      openCheckpoint('/m', { fileSystem }),
      'MODEL_NOT_FOUND',
      /model\.safetensors\.index\.json, .*numpy/,
    )
    await expectCode(openCheckpoint('/n', { fileSystem }), 'MODEL_NOT_FOUND', /nothing at \/n/)
    await expectCode(openCheckpoint('/m/config.json', { fileSystem }), 'MODEL_NOT_FOUND', /is not a folder/)
  })

  it('leaves no file open, whichever call of the file system fails', async () => {
    const files = memoryFileSystem({ '/m/pytorch_model.bin.index.json': index('shard.bin', 'p'), ...shards })
    for (const on of ['open', 'read', 'sizeBytes', 'stat', 'list'] as const)
      for (let nth = 1; ; nth++) {
        const plan = { faults: [{ on, nth, effect: { kind: 'error', code: 'EIO' } }] } as const
        const fileSystem = createFaultyFileSystem(files, plan)
        const opening = openCheckpoint('/m', { fileSystem })
        if (
          await opening.then(
            (source) => source[Symbol.asyncDispose]().then(() => true),
            () => false,
          )
        ) {
          expect(fileSystem.injectedCount()).toBe(0)
          expect(nth).toBeGreaterThan(1)
          break
        }
        await expectCode(opening, 'READ_FAILED', /EIO/)
        expect(fileSystem.openCount()).toBe(0)
      }
  })
})
