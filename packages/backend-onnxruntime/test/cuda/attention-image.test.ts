import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const native = (name: string): string => readFileSync(new URL(`../../native/${name}`, import.meta.url), 'utf8')

it('the compiled kernels are those of the source', () => {
  const digest = createHash('sha256').update(native('attention.cu')).digest('hex')
  expect(native('attention.ptx').split('\n', 1)[0]).toContain(digest)
  const names = [...native('attention.ptx').matchAll(/\.visible \.entry (\w+)/g)].map(([, name]) => name)
  expect(names).toHaveLength(18)
  expect(names).toContain('attend_float16_float16')
})
