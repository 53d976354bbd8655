import { describe, expect, it } from 'vitest'
import { exampleFilesOf, filesOf, guides } from '../docs/guides.ts'

describe.each(guides.map((guide) => [guide.page, guide] as const))('%s', (_, guide) => {
  it('shows the files of the example as they are: node packages/tooling/docs/write-guides.ts', () => {
    const shown = filesOf(guide)
    expect(guide.own.filter((name) => !shown.delete(name))).toEqual([])
    expect(Object.fromEntries(shown)).toEqual(Object.fromEntries(exampleFilesOf(guide)))
    expect(shown.size).toBeGreaterThan(3)
  })
})
