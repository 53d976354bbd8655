import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Fence } from '../../src/fences.ts'
import { followedElsewhere, type Page } from '../../src/pages.ts'
import { createReaderFolder, type ReaderFolder } from './reader-folder.ts'
import { isForMachines, runBlock } from './run-block.ts'

/** Runs the chosen blocks of every page in a folder of its own, `file=` blocks first and the others in their order. */
export function describeBlocks(pages: readonly Page[], choose: (fence: Fence) => boolean, timeoutMs: number): void {
  for (const { name, fences } of pages) {
    const blocks = name in followedElsewhere ? [] : fences.filter((fence) => isForMachines(fence) && choose(fence))
    if (blocks.every(({ file }) => file !== undefined)) continue
    describe(name, () => {
      let folder: ReaderFolder
      beforeAll(() => {
        folder = createReaderFolder()
        for (const block of blocks) if (block.file !== undefined) runBlock(block, folder, timeoutMs)
      })
      afterAll(() => folder.remove())

      it.each(blocks.map((block) => [`line ${block.line}: ${block.text.split('\n', 1)[0]}`, block] as const))(
        '%s',
        (_, block) => {
          const { status, said } = runBlock(block, folder, timeoutMs)
          expect(status === 0 ? 'fine' : `exit code ${status}: ${said}`).toBe('fine')
        },
        timeoutMs,
      )
    })
  }
}
