import { createReferenceBackend } from '@flexgen/backend-reference'
import { createDummySource } from '@flexgen/checkpoint'
import { createOptModel } from '@flexgen/opt'
import { describe, expect, it } from 'vitest'
import { runEngine } from './run-engine.ts'

/** About 500 million parameters: 1 GB in float16. */
const config = {
  model_type: 'opt',
  hidden_size: 2048,
  word_embed_proj_dim: 2048,
  num_hidden_layers: 10,
  num_attention_heads: 32,
  ffn_dim: 8192,
  vocab_size: 1024,
  max_position_embeddings: 64,
  do_layer_norm_before: true,
  activation_function: 'relu',
}

const gigabyte = 1e9
const capBytes = 0.4 * gigabyte

describe('really off memory', () => {
  it('runs 1 GB of weights under a cap of 400 MB, and reads them from disk for every token', async () => {
    const model = createOptModel(config)
    const tensors = model.layers.flatMap(({ weights }) =>
      weights.flatMap(({ parts }) => parts.map(({ tensor, shape }) => ({ name: tensor, shape }))),
    )
    const weights = createDummySource({ tensors, dtype: 'float16', seed: 1 })
    const backend = createReferenceBackend()
    const newTokens = 3
    const { report, leftBytes, leftFolders } = await runEngine(
      { backend, model, weights, policy: { percent: [0, 10, 100, 0, 100, 0], gpuBatchSize: 2 }, maxRamBytes: capBytes },
      [{ promptIds: [2, 5] }, { promptIds: [7] }],
      { maxNewTokens: newTokens, ignoreEos: true },
    )
    const { ram, disk, device } = report.placement.weights.bytes
    expect(ram + disk + device).toBeGreaterThan(gigabyte)
    expect(report.peakRamBytes).toBeLessThan(capBytes)
    // Every sweep computes from the disk's share of the weights; of the token table only the rows of its ids.
    const streamed = disk - 2 * 1024 * 2048
    const read = report.sweeps.map((sweep) => sweep.diskBytesRead.weights)
    expect(read.length).toBe(newTokens)
    const total = read.reduce((sum, bytes) => sum + bytes, 0)
    expect(total).toBeGreaterThanOrEqual(newTokens * streamed)
    expect(total).toBeLessThan(newTokens * streamed + 5 * 2 ** 20)
    for (const bytes of read) expect(bytes).toBeGreaterThan(0.7 * streamed)
    expect(report.peakDiskBytes).toBeGreaterThanOrEqual(disk)
    expect(leftBytes).toBe(0)
    expect(leftFolders).toEqual([])
    await weights[Symbol.asyncDispose]()
  })
})
