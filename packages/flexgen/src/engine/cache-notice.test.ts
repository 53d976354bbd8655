import { describe, expect, it } from 'vitest'
import { cacheNotices } from './cache-notice.ts'

const workload = (maxPromptTokens: number, maxNewTokens: number) => ({ maxPromptTokens, maxNewTokens })

describe('notice of KV that did not reach the disk', () => {
  it('comes where no sequence fills a page', () => {
    expect(cacheNotices(1, workload(32, 32))[0]).toContain('pages of 64 positions')
    expect(cacheNotices(1, workload(10, 6), 16)[0]).toContain('pages of 16 positions')
  })

  it('does not come from the first full page on, nor where nothing belongs on disk', () => {
    expect(cacheNotices(1, workload(32, 33))).toEqual([])
    expect(cacheNotices(1, workload(10, 7), 16)).toEqual([])
    expect(cacheNotices(0, workload(1, 1))).toEqual([])
  })
})
