import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const folder = new URL('../../native/', import.meta.url)
const native = (name: string): Buffer => readFileSync(new URL(name, folder))
const headers = readdirSync(folder).filter((name) => name.endsWith('.cuh'))

describe('compiled kernels', () => {
  it.each([
    ['arg-max', 3, 'arg_max_float32'],
    ['attention', 18, 'attend_float16_float16'],
    ['attention-q4', 6, 'append_bfloat16_q4g64'],
    ['copy', 1, 'copy_bytes'],
    ['groups', 9, 'dequantize_columns_float16'],
    ['norm', 6, 'layer_norm_bfloat16'],
  ])('%s.ptx has the %i kernels of its source', (module, count, one) => {
    const hash = createHash('sha256').update(native(`${module}.cu`))
    for (const name of headers.toSorted()) hash.update(native(name))
    const ptx = native(`${module}.ptx`).toString()
    expect(ptx.split('\n', 1)[0]).toContain(hash.digest('hex'))
    const names = [...ptx.matchAll(/\.visible \.entry (\w+)/g)].map(([, name]) => name)
    expect(names).toHaveLength(count)
    expect(names).toContain(one)
  })
})
