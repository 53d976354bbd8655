import assert from 'node:assert/strict'
import { type ErrorCode, type QueueEvent, spanOf } from '@flexgen/spec'
import type { Fault } from '../files/faulty-file-system.ts'
import { assertBytes } from '../kit/assert-bytes.ts'
import { within } from '../kit/pause.ts'
import { randomBytes } from '../kit/random.ts'
import { assertFlexgenError, assertRefused } from '../kit/refusal.ts'
import type { TierContext } from './describe-tier.ts'
import { faultRegionBytes as size, type FaultTest } from './fault-bench.ts'
import { withFile } from './with-file.ts'

/** Faults of a write by what they are, and the codes that they may have. */
const failingWrites: readonly (readonly [title: string, fault: Fault, codes: readonly ErrorCode[]])[] = [
  ['a full disk', { on: 'write', nth: 1, effect: { kind: 'error', code: 'ENOSPC' } }, ['OUT_OF_DISK']],
  ['a torn write', { on: 'write', nth: 1, effect: { kind: 'torn', sizeBytes: 999, code: 'EIO' } }, []],
  [
    'a disk that is full in the middle of a write',
    { on: 'write', nth: 1, effect: { kind: 'torn', sizeBytes: 999, code: 'ENOSPC' } },
    ['OUT_OF_DISK'],
  ],
  ['a write that takes nothing', { on: 'write', effect: { kind: 'short', sizeBytes: 0 } }, ['OUT_OF_DISK']],
]

const eio: Fault = { on: 'read', nth: 1, effect: { kind: 'error', code: 'EIO' } }

/** What a disk does in its bad hours: a tier on files goes on, or says what happened; it never gives wrong bytes. */
export function faultsSuite({ kit, allocateHost }: TierContext, test: FaultTest): void {
  const short = (['read', 'write'] as const).map((on): Fault => ({ on, effect: { kind: 'short', sizeBytes: 1013 } }))

  test('short reads and writes are continued', short, async ({ tier, arm, filled, assertHolds }) => {
    const [region, source] = [await tier.allocate(size), filled(1)]
    arm()
    const queue = tier.createQueue('short')
    queue.write(region, 0, spanOf(source))
    await queue.write(region, 7, spanOf(source, 7, 3000)).whenDone()
    await assertHolds(region, source.bytes)
    await withFile(kit, source.bytes, async (path) => {
      const target = allocateHost(size)
      const extents = [{ path, byteOffset: 0, byteLength: size }]
      await tier.createQueue('extents').readExtents(spanOf(target), extents).whenDone()
      assertBytes(target.bytes, source.bytes, 'extents')
    })
    const target = allocateHost(size)
    const range = { region, byteOffset: 7, byteLength: size - 7, targetOffset: 7 }
    await tier
      .createQueue('ranges')
      .readRanges(spanOf(target), [range, { ...range, byteOffset: 0, byteLength: 7, targetOffset: 0 }])
      .whenDone()
    assertBytes(target.bytes, source.bytes, 'ranges')
  })

  for (const [title, fault, codes] of failingWrites) {
    test(`${title} fails what is behind it, too; written again, all is right`, [fault], async (bench) => {
      const { tier, arm, disarm, filled, assertHolds } = bench
      const [region, neighbour] = [await tier.allocate(size), await tier.allocate(size)]
      const [source, beside] = [filled(2), filled(3)]
      await tier.createQueue('beside').write(neighbour, 0, spanOf(beside)).whenDone()
      arm()
      const queue = tier.createQueue('write')
      const write = queue.write(region, 0, spanOf(source))
      const behind = queue.read(spanOf(allocateHost(10)), region, 0)
      await within(
        5000,
        'a failing write',
        assertRefused(title, () => write, codes),
      )
      await assert.rejects(behind.whenDone(), write.error as object)
      disarm()
      await tier.createQueue('again').write(region, 0, spanOf(source)).whenDone()
      await assertHolds(region, source.bytes)
      await assertHolds(neighbour, beside.bytes)
    })
  }

  test('EIO fails a read and what is behind it; read again, all is right', [eio], async (bench) => {
    const { tier, arm, filled, assertHolds } = bench
    const [region, source] = [await tier.allocate(size), filled(4)]
    await tier.createQueue('write').write(region, 0, spanOf(source)).whenDone()
    arm()
    const queue = tier.createQueue('read')
    const read = queue.read(spanOf(allocateHost(size)), region, 0)
    const behind = queue.write(region, 0, spanOf(allocateHost(size)))
    await assertRefused('a failed read', () => read, ['READ_FAILED'])
    await assert.rejects(behind.whenDone(), read.error as object)
    await assertHolds(region, source.bytes)
  })

  test('EIO fails a read of ranges; read again, all is right', [eio], async ({ tier, arm, filled }) => {
    const [region, source, target] = [await tier.allocate(size), filled(6), allocateHost(size)]
    await tier.createQueue('write').write(region, 0, spanOf(source)).whenDone()
    const half = Math.floor(size / 2)
    const ranges = [
      { region, byteOffset: half, byteLength: size - half, targetOffset: half },
      { region, byteOffset: 0, byteLength: half, targetOffset: 0 },
    ]
    const read = (): QueueEvent => tier.createQueue('ranges').readRanges(spanOf(target), ranges)
    arm()
    await assertRefused('a failed read', read, ['READ_FAILED'])
    await read().whenDone()
    assertBytes(target.bytes, source.bytes, 'ranges')
  })

  test('EIO in a checkpoint file fails its extents; read again, all is right', [eio], async ({ tier, arm }) => {
    const content = randomBytes(5, size)
    await withFile(kit, content, async (path) => {
      const target = allocateHost(size)
      const extents = [{ path, byteOffset: 0, byteLength: size }]
      const read = (): QueueEvent => tier.createQueue('extents').readExtents(spanOf(target), extents)
      arm()
      await assertRefused('a failed read', read, ['READ_FAILED'])
      await read().whenDone()
      assertBytes(target.bytes, content, 'extents')
    })
  })

  for (const on of ['makeFolder', 'open', 'truncate', 'write'] as const) {
    const fault: Fault = { on, nth: 1, effect: { kind: 'error', code: on === 'write' ? 'ENOSPC' : 'EACCES' } }
    // Which calls an allocation makes is up to the tier.
    const mustMeet = false
    test(
      `an allocation that fails in ${on} holds nothing, and the next works`,
      [fault],
      async ({ tier, files, arm, disarm, filled, assertHolds }) => {
        arm()
        try {
          tier.free(await tier.allocate(size))
          assert.equal(files.injectedCount(), 0, 'a failure was passed over')
        } catch (error) {
          assertFlexgenError(error, ['OUT_OF_DISK', 'NOT_WRITABLE'])
          assert.equal(tier.stats().heldBytes, 0)
        }
        disarm()
        const [region, source] = [await tier.allocate(size), filled(7)]
        assert.equal(tier.stats().heldBytes, region.byteLength)
        await tier.createQueue('next').write(region, 0, spanOf(source)).whenDone()
        await assertHolds(region, source.bytes)
      },
      mustMeet,
    )
  }
}
