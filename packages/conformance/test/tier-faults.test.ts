import { nodeFileSystem } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { describeTier } from '../src/index.ts'
import { collect } from './support/collect.ts'
import { createToyDiskTier, type DiskDefect } from './support/toy-disk-tier.ts'

/** The tests that a tier on files gets beside the others, by title, without running them. */
function faultTests(defect?: DiskDefect): Map<string, () => Promise<void>> {
  const create = () => createToyDiskTier(nodeFileSystem, defect)
  const plain = collect((kit) => describeTier('plain', create, kit))
  const all = collect((kit) =>
    describeTier('on files', create, { ...kit, createOn: (files) => createToyDiskTier(files, defect) }),
  )
  for (const title of plain.keys()) all.delete(title)
  return all
}

const failures = [
  'a full disk',
  'a torn write',
  'a disk that is full in the middle of a write',
  'a write that takes nothing',
]
const writes = failures.map((what) => `${what} fails what is behind it, too; written again, all is right`)
const reads = [
  'EIO fails a read and what is behind it; read again, all is right',
  'EIO fails a read of ranges; read again, all is right',
  'EIO in a checkpoint file fails its extents; read again, all is right',
]
const allocations = ['makeFolder', 'open', 'truncate', 'write'].map(
  (call) => `an allocation that fails in ${call} holds nothing, and the next works`,
)

const defects: readonly (readonly [defect: DiskDefect, titles: readonly string[]])[] = [
  ['oneCallOnly', ['short reads and writes are continued']],
  ['swallowErrors', [...writes, ...reads]],
  ['rawErrors', [...writes.slice(0, 3), ...reads, ...allocations]],
  ['countFirst', allocations],
  ['settleAsTheyCome', ['reads that come back in any order settle in theirs, with their bytes']],
  ['settleOnCancel', ['a cancelled read ends only when its bytes have stopped moving']],
  ['leaveOpen', ['short reads and writes are continued', ...writes, reads[0]!]],
]

describe('a toy tier on files keeps the contract', () => {
  for (const [title, body] of faultTests())
    it(title, async () => {
      await expect(body()).resolves.toBeUndefined()
    })
})

describe('describeTier with faults catches', () => {
  it('a defect with every test', () => {
    expect(new Set(defects.flatMap(([, titles]) => titles))).toEqual(new Set(faultTests().keys()))
  })

  for (const [defect, titles] of defects) {
    it.each(titles)(`${defect}: %s`, async (title) => {
      await expect(faultTests(defect).get(title)!()).rejects.toThrow()
    })
  }
})
