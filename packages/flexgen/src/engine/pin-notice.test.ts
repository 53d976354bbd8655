import type { Backend } from '@flexgen/spec'
import { expect, it } from 'vitest'
import { pinNotices } from './pin-notice.ts'

const backend = (hostVisible: boolean) => ({ name: 'it', device: { hostVisible } as Backend['device'] })

it('says where a backend that was made before page-locks weights all the same', () => {
  const given = { name: 'given' } as Backend
  expect(pinNotices(backend(false), { pinWeight: false, backend: given })).toEqual([
    '--pin-weight false changes nothing: it was made before, and copies from page-locked memory',
  ])
  expect(pinNotices(backend(false), { pinWeight: false, backend: 'it' })).toEqual([])
  expect(pinNotices(backend(false), { pinWeight: true, backend: given })).toEqual([])
  expect(pinNotices(backend(false), {})).toEqual([])
  expect(pinNotices(backend(true), { pinWeight: false, backend: given })).toEqual([])
})
