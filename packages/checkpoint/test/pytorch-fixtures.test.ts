import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openPytorch } from '../src/index.ts'
import { expectCode } from './support/expect-code.ts'
import { readTensor } from './support/read-all.ts'

const folder = join(import.meta.dirname, 'fixtures')

type Expected = Record<string, { dtype: string; shape: number[]; base64: string }>

function expectedOf(name: string): Map<string, Expected[string]> {
  const table = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Expected
  return new Map(Object.entries(table))
}

const names = readdirSync(folder).filter((name) => name.endsWith('.json'))

describe('files that torch.save wrote', () => {
  it('are all there', () => {
    expect(names).toHaveLength(8)
  })

  it.each(names)('%s: every float tensor has the bytes that PyTorch has', async (name) => {
    const expected = expectedOf(name)
    const floats = [...expected].filter(([, { dtype }]) => ['float32', 'float16', 'bfloat16'].includes(dtype))
    await using source = await openPytorch(join(folder, name.replace('.json', '.bin')))
    expect([...source.tensors.keys()]).toEqual(floats.map(([tensor]) => tensor))
    for (const [tensor, { dtype, shape, base64 }] of floats) {
      expect(source.tensors.get(tensor)).toMatchObject({ dtype, shape })
      expect(Buffer.from(await readTensor(source, tensor)).toString('base64')).toBe(base64)
    }
  })

  it('serves views by read and whole storages by extents', async () => {
    await using source = await openPytorch(join(folder, 'views.bin'))
    const inPlace = [...source.tensors.keys()].filter((name) => source.extents(name, 0, 2) !== undefined)
    expect(inPlace).toEqual(['whole', 'slice', 'tied'])
  })

  it('opens a sharded checkpoint by its folder', async () => {
    await using source = await openPytorch(join(folder, 'sharded'))
    const shards = ['pytorch_model-00001-of-00002.json', 'pytorch_model-00002-of-00002.json']
    const expected = new Map(shards.flatMap((shard) => [...expectedOf(join('sharded', shard))]))
    expect([...source.tensors.keys()]).toEqual(['a', 'b', 'c'])
    for (const [name, { base64 }] of expected)
      expect(Buffer.from(await readTensor(source, name)).toString('base64')).toBe(base64)
  })

  it('refuses a malicious pickle by the name of what it calls, and executes nothing', async () => {
    // The module of os.system is posix; where it is executed, a file appears in the working folder.
    const opening = openPytorch(join(folder, 'malicious.bin'))
    await expectCode(opening, 'UNSUPPORTED_DATA', 'the pickle calls posix.system, which is refused')
    expect(existsSync('executed-by-pickle')).toBe(false)
  })

  it('refuses the legacy form and compressed archives by name', async () => {
    await expectCode(openPytorch(join(folder, 'legacy.bin')), 'UNSUPPORTED_DATA', /legacy form of PyTorch/)
    await expectCode(openPytorch(join(folder, 'compressed.bin')), 'UNSUPPORTED_DATA', /is compressed/)
  })
})
