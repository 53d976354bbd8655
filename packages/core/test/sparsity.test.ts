import { createReferenceBackend } from '@flexgen/backend-reference'
import { describe, expect, it } from 'vitest'
import { openFixture } from './support/bench.ts'
import { runEngine } from './run-engine.ts'

const requests = [{ promptIds: [2, 5, 9, 11, 40, 3, 8] }, { promptIds: [2, 7, 33, 12] }]

async function logitsOf(attentionSparsity: number, percent: readonly number[]) {
  await using opened = await openFixture()
  const { model, weights } = opened
  const rows: Float32Array[] = []
  const { report } = await runEngine(
    { backend: createReferenceBackend(), model, weights, policy: { percent, attentionSparsity } },
    requests,
    { maxNewTokens: 6, ignoreEos: true, onLogits: (_sequence, _position, row) => void rows.push(row.slice()) },
  )
  return { rows, notices: report.notices }
}

describe('sparse attention', () => {
  it('keeps everything at 1, changes decode below, and does not depend on where KV rests', async () => {
    const dense = await logitsOf(1, [100, 0, 100, 0, 100, 0])
    const sparse = await logitsOf(0.5, [100, 0, 100, 0, 100, 0])
    // The prompt is attended whole.
    expect(sparse.rows.slice(0, 2)).toEqual(dense.rows.slice(0, 2))
    expect(sparse.rows.slice(2)).not.toEqual(dense.rows.slice(2))
    const spread = await logitsOf(0.5, [0, 50, 20, 40, 0, 0])
    expect(spread.rows).toEqual(sparse.rows)
    expect(sparse.notices).toEqual([])
    expect(spread.notices.join()).toContain('read whole')
  })
})
