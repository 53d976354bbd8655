import { createOptModel, optFamily } from '@flexgen/opt'
import { expect, it } from 'vitest'
import { chooseWeightForms } from './weight-forms.ts'

it('keeps rows of gathered tables together, also where the head is tied to them', () => {
  const forms = chooseWeightForms(createOptModel(optFamily.builtinConfig('opt-125m')))
  const count = (form: string): number => [...forms.values()].filter((other) => other === form).length
  expect([...forms].filter(([, form]) => form === 'q4g64').map(([tensor]) => tensor)).toEqual([
    'model.decoder.embed_tokens.weight',
    'model.decoder.embed_positions.weight',
  ])
  // q, k, v, out, fc1 and fc2 of twelve blocks.
  expect(count('q4g64c')).toBeGreaterThanOrEqual(12 * 6)
  expect([...forms.keys()].every((tensor) => tensor.endsWith('weight') && !tensor.includes('norm'))).toBe(true)
})
