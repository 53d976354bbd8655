import { describe, expect, it } from 'vitest'
import { refusalOf } from '../../test/support/refusal-of.ts'

const huge = ['generate', '--model', 'opt-175b', '--path', '_DUMMY_']
const withPrompt = [...huge, '--prompt-ids', '5']

/** Everything that contradicts itself, with what the error names. */
const table: readonly [args: readonly string[], names: readonly string[], hint?: string][] = [
  [[...huge], ['there is no prompt'], '--prompt-ids'],
  [
    [...huge, '--input', 'a', '--prompt', 'b'],
    ['--input', '--prompt'],
  ],
  [
    [...huge, '--input', 'a', '--prompt-ids', '5'],
    ['--input', '--prompt-ids'],
  ],
  [
    [...huge, '--input', 'a', '--num-prompts', '5'],
    ['--input', '--num-prompts'],
  ],
  [
    [...huge, '--input', 'a', '--prompt-len', '5'],
    ['--input', '--prompt-len'],
  ],
  [
    [...huge, '--prompt', 'a', '--num-prompts', '5'],
    ['--prompt', '--num-prompts'],
  ],
  [
    [...huge, '--prompt', 'a', '--prompt-len', '5'],
    ['--prompt', '--prompt-len'],
  ],
  [
    [...withPrompt, '--num-prompts', '5'],
    ['--prompt-ids', '--num-prompts'],
  ],
  [
    [...withPrompt, '--prompt-len', '5'],
    ['--prompt-ids', '--prompt-len'],
  ],
  [
    [...withPrompt, '--resume'],
    ['--resume', '--output'],
  ],
  [
    [...withPrompt, '--resume', '--output', '-'],
    ['--resume', '--output'],
  ],
  [
    [...withPrompt, '--resume', '--json', '--output', 'x'],
    ['--resume', '--json'],
  ],
  [
    [...withPrompt, '--json', '--output', '-'],
    ['--json', '--output -'],
  ],
  [
    [...withPrompt, '--output', 'x', '--trace', 'x'],
    ['--output', '--trace'],
  ],
  [
    [...huge, '--input', 'x', '--trace', 'x'],
    ['--input', '--trace'],
  ],
  [
    [...withPrompt, '--score', '--gen-len', '3'],
    ['--score', '--gen-len'],
  ],
  [
    [...withPrompt, '--score', '--temperature', '1'],
    ['--score', '--temperature'],
  ],
  [
    [...withPrompt, '--score', '--top-k', '3'],
    ['--score', '--top-k'],
  ],
  [
    [...withPrompt, '--score', '--top-p', '0.5'],
    ['--score', '--top-p'],
  ],
  [
    [...withPrompt, '--score', '--stop', 'x'],
    ['--score', '--stop'],
  ],
  [
    [...withPrompt, '--score', '--ignore-eos'],
    ['--score', '--ignore-eos'],
  ],
  [
    [...withPrompt, '--score', '--log-probs', 'all', '--json'],
    ['--score', '--log-probs'],
  ],
  [
    [...withPrompt, '--log-probs', 'new'],
    ['--log-probs', '--json', '--output'],
  ],
  [
    [...withPrompt, '--temperature', '0', '--top-k', '5'],
    ['--temperature', '--top-k'],
  ],
  [
    [...withPrompt, '--temperature', '0', '--top-p', '0.5'],
    ['--temperature', '--top-p'],
  ],
  [
    [...withPrompt, '--debug-mode', 'breakdown', '--overlap'],
    ['--debug-mode', '--overlap'],
  ],
  [
    [...withPrompt, '--debug', 'breakdown', '--overlap', '1'],
    ['--debug-mode', '--overlap'],
  ],
  [
    [...withPrompt, '--quiet', '--verbose', '2'],
    ['--quiet', '--verbose'],
  ],
  [
    [...withPrompt, '--host-backend', 'reference'],
    ['--host-backend', '--cpu-cache-compute'],
  ],
  [
    [...withPrompt, '--host-backend', 'reference', '--no-cpu-cache-compute'],
    ['--host-backend', '--cpu-cache-compute'],
  ],
  [
    [...withPrompt, '--policy', 'auto', '--percent', '0', '100', '0', '100', '0', '100'],
    ['--policy', '--percent'],
  ],
  // What FlexGen has for measuring.
  [[...withPrompt, '--cut-gen-len', '5'], ['--cut-gen-len'], 'bench'],
  [[...withPrompt, '--log-file', 'auto'], ['--log-file'], 'bench'],
  [[...withPrompt, '--no-log'], ['--no-log'], 'bench'],
  [[...withPrompt, '--debug-mode', 'fewer_batch'], ['--debug-mode fewer_batch'], 'bench'],
  // Values that are none.
  [
    [...withPrompt, '--debug-mode', 'x'],
    ['--debug-mode', 'breakdown'],
  ],
  [
    [...withPrompt, '--attn-sparsity', '1.5'],
    ['--attn-sparsity', '0 to 1'],
  ],
  [
    [...withPrompt, '--attn-sparsity', '-0.1'],
    ['--attn-sparsity', '0 to 1'],
  ],
  [
    [...withPrompt, '--percent', '1', '2', '3'],
    ['--percent', 'six numbers'],
  ],
  [
    [...withPrompt, '--percent', '60', '50', '0', '0', '0', '0'],
    ['--percent', '110'],
  ],
  [
    [...withPrompt, '--placement', 'x'],
    ['--placement', 'exact, flexgen'],
  ],
  [
    [...withPrompt, '--pin-weight', 'maybe'],
    ['--pin-weight', 'true, false, 1 or 0'],
  ],
  [
    [...withPrompt, '--gpu-batch-size', '0'],
    ['--gpu-batch-size', '1 or above'],
  ],
  [
    [...withPrompt, '--num-gpu-batches', '1.5'],
    ['--num-gpu-batches', '1 or above'],
  ],
  [
    [...withPrompt, '--max-ram', '3 apples'],
    ['--max-ram', '3 apples'],
  ],
  [
    [...withPrompt, '--max-new-tokens', '0'],
    ['--max-new-tokens', '1 or above'],
  ],
  [[...withPrompt, '--top-p', '0'], ['top-p']],
  [
    [...withPrompt, '--dtype', 'int8'],
    ['--dtype', 'float32'],
  ],
  [
    [...withPrompt, '--backend', 'reference', '--dtype', 'float16'],
    ['reference', 'float16'],
  ],
  [
    [...withPrompt, '--stop', 'x'],
    ['stop texts', 'tokenizer'],
  ],
  [[...huge, '--prompt', 'x'], ['opt-175b has no tokenizer'], '--prompt-ids'],
]

describe('generate refuses with USAGE, before anything large is made,', () => {
  it.each(table)('%j', async (args, names, hint = '') => {
    const refusal = await refusalOf(args)
    expect(refusal).toMatchObject({ code: 'USAGE', exitCode: 2 })
    for (const name of names) expect(refusal.message).toContain(name)
    expect(refusal.hint).toContain(hint)
  })
})

describe('of flags that exclude each other', () => {
  it('the one from the stronger place counts', async () => {
    // The config's or variable's flag is as good as not there: what is refused is the missing file.
    const refusal = await refusalOf([...huge, '--input', '/none'], { FLEXGEN_PROMPT: 'x' })
    expect(refusal).toMatchObject({ code: 'FILE_NOT_FOUND' })
  })

  it('the variable is named where both come from variables', async () => {
    const refusal = await refusalOf(huge, { FLEXGEN_PROMPT: 'x', FLEXGEN_INPUT: '/none' })
    expect(refusal.message).toContain('FLEXGEN_INPUT and FLEXGEN_PROMPT do not go together')
  })
})
