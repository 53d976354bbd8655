import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { addGenerateOptions } from '../commands/generate-options.ts'
import { expandAbbreviations } from './abbreviations.ts'

const program = new Command('flexgen')
addGenerateOptions(program.command('generate'))
const expand = (...args: string[]): string[] => expandAbbreviations(['generate', ...args], program).slice(1)

describe('abbreviations', () => {
  it.each([
    ['--debug', '--debug-mode'],
    ['--cpu', '--cpu-cache-compute'],
    ['--gpu', '--gpu-batch-size'],
    ['--num', '--num-gpu-batches'],
    ['--perc', '--percent'],
    ['--sep', '--sep-layer'],
    ['--pin', '--pin-weight'],
    ['--attn', '--attn-sparsity'],
    ['--compress-w', '--compress-weight'],
    ['--over', '--overlap'],
    ['--gen', '--gen-len'],
    ['--off', '--offload-dir'],
    ['--no-l', '--no-log'],
  ])("of FlexGen's flags: %s is %s", (short, long) => {
    expect(expand(short, '1')).toEqual([long, '1'])
    expect(expand(`${short}=1`)).toEqual([`${long}=1`])
  })

  it('are none where they fit several, or are flags of ours, or would be', () => {
    for (const word of ['--comp', '--p', '--c', '--cpu-mem', '--gpu-mem', '--prompt', '--temp', '--promt', '--backe'])
      expect(expand(word, 'x')).toEqual([word, 'x'])
  })

  it('are none in values, behind --, and in other places', () => {
    expect(expand('--prompt', '--debug', '--cpu')).toEqual(['--prompt', '--debug', '--cpu-cache-compute'])
    expect(expand('--prompt=--debug', '--debug', '--cpu')).toEqual(['--prompt=--debug', '--debug-mode', '--cpu'])
    expect(expand('--', '--debug')).toEqual(['--', '--debug'])
    expect(expandAbbreviations(['--debug'], program)).toEqual(['--debug'])
    expect(expandAbbreviations([], program)).toEqual([])
  })
})
