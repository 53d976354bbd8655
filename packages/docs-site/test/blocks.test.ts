import { existsSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { needs } from '../src/fences.ts'
import { followedElsewhere, listPages, root } from '../src/pages.ts'
import { describeBlocks } from './support/describe-blocks.ts'

const pages = listPages()

describe('marks of blocks', () => {
  it.each(pages.map((page) => [page.name, page] as const))('%s', (_, { fences }) => {
    expect(fences.filter(({ unknown }) => unknown.length > 0)).toEqual([])
    for (const fence of fences) for (const need of fence.needs) expect(Object.keys(needs)).toContain(need)
  })

  it.each(pages.map((page) => [page.name, page] as const))(
    '%s has no command in a block without a language',
    (_, page) => {
      const commands = page.fences.filter(
        ({ language, text }) => language === '' && /^(?:\$ |(?:flexgen|npm|node) )/m.test(text),
      )
      expect(commands).toEqual([])
    },
  )

  it('names pages that are followed elsewhere, and the folder of their test', () => {
    const there = Object.entries(followedElsewhere).filter(([page]) => pages.some(({ name }) => name === page))
    for (const [, folder] of there) expect(existsSync(path.join(root, folder))).toBe(true)
  })
})

describeBlocks(pages, ({ isSlow }) => !isSlow, 60_000)
