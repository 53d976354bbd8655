import { expect, it } from 'vitest'
import { builtinConfig, builtinNames } from './builtin-configs.ts'

it.each(builtinNames)('knows %s with and without an organisation, in any case', (name) => {
  const config = builtinConfig(name)
  expect(config).toBeDefined()
  expect(builtinConfig(`facebook/${name}`)).toEqual(config)
  expect(builtinConfig(name.toUpperCase())).toEqual(config)
})

it.each([
  ['facebook/opt-iml-1.3b', 'opt-1.3b'],
  ['opt-iml-max-30b', 'opt-30b'],
])('takes %s for %s', (name, size) => {
  expect(builtinConfig(name)).toEqual(builtinConfig(size))
})

it.each(['', 'opt', 'opt-3b', 'llama-7b', 'toString', 'facebook/', '__proto__'])('does not know %j', (name) => {
  expect(builtinConfig(name)).toBeUndefined()
})
