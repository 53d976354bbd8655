import { memoryFileSystem } from '@flexgen/opt-fixtures'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../test/support/bytes.ts'
import { expectCode } from '../test/support/expect-code.ts'
import { readConfig } from './read-config.ts'

function readText(text: string | Uint8Array): Promise<unknown> {
  const bytes = typeof text === 'string' ? utf8(text) : text
  return readConfig('/m', { fileSystem: memoryFileSystem({ '/m/config.json': bytes }) })
}

describe('readConfig', () => {
  it('gives what the file says', async () => {
    expect(await readText('{"model_type":"opt","n":[1]}')).toEqual({ model_type: 'opt', n: [1] })
  })

  it('refuses a name that occurs twice, since only one of the two values would count', async () => {
    await expectCode(readText('{"a":1,"b":{},"a":2}'), 'CORRUPT_DATA', /'a' occurs twice at position/)
  })

  it('refuses deep nesting, whatever its size', async () => {
    await expectCode(readText(`{"a":${'['.repeat(500_000)}`), 'CORRUPT_DATA', /more than 16 levels of nesting/)
  })

  it('names a Git LFS pointer', async () => {
    await expectCode(readText('version https://git-lfs.github.com/spec/v1'), 'CORRUPT_DATA', /Git LFS pointer/)
  })

  it('is not fooled by __proto__', async () => {
    const config = (await readText('{"__proto__":{"hidden_size":1}}')) as { hidden_size?: number }
    expect(config.hidden_size).toBeUndefined()
  })

  it.each(['{"a":1,}', '{"a":1', '', '{"a":\n\nNaN}'])('refuses %j with the position', async (text) => {
    await expectCode(readText(text), 'CORRUPT_DATA', /config\.json: .* at position \d+/)
  })

  it.each(['[]', 'null', '3', '"x"'])('refuses %s, which is no object', async (text) => {
    await expectCode(readText(text), 'CORRUPT_DATA', /does not hold a JSON object/)
  })

  it('refuses other encodings and files that are too large', async () => {
    await expectCode(readText(Uint8Array.of(0x7b, 0xff, 0x7d)), 'CORRUPT_DATA', /UTF-8/)
    await expectCode(readText(' '.repeat(2 ** 20 + 1)), 'CORRUPT_DATA', /1048577 bytes/)
  })

  it('says that there is none', async () => {
    const fileSystem = memoryFileSystem({})
    await expectCode(readConfig('/m', { fileSystem }), 'MODEL_NOT_FOUND', /no config\.json in \/m/)
  })
})
