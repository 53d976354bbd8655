import { describe, expect, it } from 'vitest'
import { listSides } from './list-sides.ts'

const titles = (options: Parameters<typeof listSides>[0]): string[] =>
  listSides(options).sides.map(({ title }) => title)

describe('what is to be measured', () => {
  it('is one case from the flags where nothing else is asked for', () => {
    const { sides, warmUpTokens } = listSides({ flags: { model: './models/opt-tiny', gpuBatchSize: 2 } })
    expect(sides).toMatchObject([
      {
        kind: 'flexgen',
        title: 'opt-tiny: 512/32, auto, 2x1',
        command: 'flexgen bench --model ./models/opt-tiny --gpu-batch-size 2',
        settings: { model: './models/opt-tiny', numPrompts: 2 },
      },
    ])
    expect(warmUpTokens).toBe(1)
  })

  it('are commands over the flags, and foreign commands, whose side does not warm up', () => {
    const { sides, warmUpTokens } = listSides({
      flags: { model: 'demo', gpuBatchSize: 2, promptLen: 8 },
      commands: ['many at once: --gpu-batch-size 3', 'flexgen generate --direct-io', '--direct-io'],
      against: ['HF, disk: python their.py a=b', 'X=1 python other.py'],
    })
    expect(sides.map(({ title, command }) => [title, command])).toEqual([
      ['many at once', 'flexgen bench --model demo --gpu-batch-size 3 --prompt-len 8'],
      [
        'demo: 8/32, auto, 2x1, direct reads',
        'flexgen bench --model demo --gpu-batch-size 2 --prompt-len 8 --direct-io',
      ],
      [
        'demo: 8/32, auto, 2x1, direct reads (2)',
        'flexgen bench --model demo --gpu-batch-size 2 --prompt-len 8 --direct-io',
      ],
      ['HF, disk', 'python their.py a=b'],
      ['X=1 python other.py', 'X=1 python other.py'],
    ])
    expect(warmUpTokens).toBe(0)
    expect(sides[0]).toMatchObject({ settings: { warmUpTokens: 0 } })
    expect(listSides({ against: ['x'], warmUpTokens: 2 }).sides[0]).toMatchObject({ settings: { warmUpTokens: 2 } })
  })

  it('is a suite, with the flags over its own, and commands beside it', () => {
    expect(titles({ suite: 'small', only: 'ram' })).toEqual(['opt-125m: weights in RAM'])
    expect(titles({ suite: 'small', only: 'ram', commands: ['--model demo'] })).toHaveLength(2)
    expect(listSides({ suite: 'small', flags: { threads: 1 } }).sides[0]).toMatchObject({ settings: { threads: 1 } })
  })

  it('must be possible, all of it', () => {
    expect(() => listSides({ suite: 'reallocate-30b', flags: { reallocateTiming: 4 } })).toThrow(
      '--reallocate-timing must be 0, 1, 2 or 3, not 4',
    )
    expect(titles({ suite: 'reallocate-30b', only: 'fitted' })).toEqual(['opt-30b: Fitted ratios'])
    expect(() => listSides({ only: 'x' })).toThrow('--only chooses cases of a suite')
  })
})
