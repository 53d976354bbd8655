import type { Backend } from '@flexgen/spec'
import { expect, it } from 'vitest'
import { pinNotices } from './pin-notice.ts'

const backend = (hostVisible: boolean) => ({ name: 'it', device: { hostVisible } as Backend['device'] })

it('says where weights are page-locked all the same', () => {
  expect(pinNotices(backend(false), { pinWeight: false })[0]).toContain('--pin-weight false changes nothing: it ')
  expect(pinNotices(backend(false), { pinWeight: true })).toEqual([])
  expect(pinNotices(backend(false), {})).toEqual([])
  expect(pinNotices(backend(true), { pinWeight: false })).toEqual([])
})
