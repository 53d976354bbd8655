import { describe, expect, it } from 'vitest'
import { formatCommand } from './format-command.ts'
import { parseCommand } from './parse-command.ts'

describe('commands', () => {
  it("reads the seed's", () => {
    const flags = parseCommand(
      'python -m flexgen.flex_opt --model facebook/opt-30b --percent 12 78 0 100 0 100 --gpu-batch-size 32 --num-gpu-batches 5 --prompt-len 512 --gen-len 32 --reallocate-timing 2 --include-reallocate-punish true --log-file bench_reallocate_30b.md',
    )
    expect(flags).toEqual({
      model: 'facebook/opt-30b',
      percent: [12, 78, 0, 100, 0, 100],
      gpuBatchSize: 32,
      numGpuBatches: 5,
      promptLen: 512,
      maxNewTokens: 32,
      reallocateTiming: 2,
      includeReallocatePunish: true,
    })
  })

  it("takes FlexGen's short names and booleans", () => {
    expect(
      parseCommand('--cpu-c --debug fewer_batch --pin-weight 0 --overlap False --sep-layer --compress-w --gen 8'),
    ).toEqual({
      cpuCacheCompute: true,
      debugMode: 'fewer_batch',
      pinWeight: false,
      overlap: false,
      sepLayer: true,
      compressWeight: true,
      maxNewTokens: 8,
    })
  })

  it.each(['--cpu', '--cpu true'])("%s is FlexGen's abbreviation, though ours has --cpu-mem", (command) => {
    expect(parseCommand(command)).toEqual({ cpuCacheCompute: true })
  })

  it('takes values behind =, negations, and a repeated flag for its last value', () => {
    expect(parseCommand('--max-ram=3GB --no-overlap --seed 1 --seed=7 --direct-io')).toEqual({
      maxRam: '3GB',
      overlap: false,
      seed: 7,
      directIo: true,
    })
  })

  it.each([
    ['--modle x', 'there is no flag --modle'],
    ['--no-model', 'there is no flag --no-model'],
    ['--constructor', 'there is no flag --constructor'],
    ['--compress', '--compress may be --compress-weight or --compress-cache'],
    ['--percent 1 2 3', '--percent takes six numbers'],
    ['--percent 1 2 3 4 5 x', '--percent takes six numbers'],
    ['--overlap constructor', '--overlap takes true, false, 1 or 0'],
    ['--no-overlap true', '--no-overlap takes no value'],
    ['--gpu-batch-size 0', '--gpu-batch-size takes a whole number of 1 or above'],
    ['--gpu-batch-size 1.5', '--gpu-batch-size takes a whole number of 1 or above'],
    ['--debug-mode none', '--debug-mode takes fewer_batch or breakdown'],
    ['--model', '--model takes a value'],
    ['--model a b', '--model takes one value'],
  ])('%s is refused', (command, message) => expect(() => parseCommand(command)).toThrow(message))

  it('come back from how they are printed', () => {
    const flags = {
      model: "it's here/opt",
      percent: [20, 80, 0, 100, 0, 100],
      overlap: false,
      compressCache: true,
      attnSparsity: 0.1,
      maxRam: '3GB',
    }
    const command = formatCommand(flags)
    expect(command).toBe(
      `flexgen bench --model 'it'\\''s here/opt' --percent 20 80 0 100 0 100 --no-overlap --attn-sparsity 0.1 --compress-cache --max-ram 3GB`,
    )
    expect(parseCommand(command)).toEqual(flags)
  })
})
