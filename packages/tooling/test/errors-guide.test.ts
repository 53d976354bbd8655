import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { errorCodes } from '../../spec/src/error/error-code.ts'
import { errorsGuide } from '../docs/errors-guide.ts'

const file = path.resolve(import.meta.dirname, '../../../docs/guides/errors.md')

describe('docs/guides/errors.md', () => {
  it('is what the codes say; else run node packages/tooling/docs/write-errors-guide.ts', () => {
    expect(readFileSync(file, 'utf8')).toBe(errorsGuide())
  })

  it('lists every code once, with cause and remedy, under its exit code', () => {
    const rows = [...errorsGuide().matchAll(/^\| `([A-Z_]+)` \| (.+) \| (.+) \|$/gm)]
    expect(rows).toHaveLength(Object.keys(errorCodes).length)
    expect(new Set(rows.map(([, code]) => code))).toEqual(new Set(Object.keys(errorCodes)))
    for (const section of errorsGuide().split('\n## Exit code ').slice(1)) {
      const codes = [...section.matchAll(/^\| `([A-Z_]+)`/gm)].map(([, code]) => code as keyof typeof errorCodes)
      expect(codes.length).toBeGreaterThan(0)
      for (const code of codes) expect(errorCodes[code].exitCode).toBe(Number.parseInt(section, 10))
    }
    expect(errorsGuide()).not.toContain(': other')
  })

  it('keeps its tables whole', () => {
    const guide = errorsGuide({ A: { exitCode: 2, meaning: 'a | b', remedy: '--x <file>' } })
    expect(guide).toContain(String.raw`| ${'`A`'} | a \| b | --x &lt;file> |`)
  })
})
