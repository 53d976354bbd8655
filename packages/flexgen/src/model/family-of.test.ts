import { InternalError, type ModelFamily } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { familyOfConfig, familyOfName } from './family-of.ts'

/** A family of one type and one built-in name. */
const family = (type: string): ModelFamily => ({
  specificationVersion: 'v1',
  modelTypes: [type],
  builtinNames: [`${type}-1b`],
  builtinConfig: (name) => (name === `${type}-1b` ? { model_type: type } : undefined),
  create: () => {
    throw new InternalError('no model is made here')
  },
})
const [mine, other, known] = [family('mine'), family('other'), family('known')]
const registry = { known: { packageName: 'known', load: () => Promise.resolve(known) } }

describe('familyOfConfig', () => {
  it('takes a family of the caller, or else one that is known', async () => {
    expect(await familyOfConfig({ model_type: 'other' }, [mine, other], registry)).toBe(other)
    expect(await familyOfConfig({ model_type: 'known' }, [mine], registry)).toBe(known)
    expect(await familyOfConfig({ model_type: 'known' }, undefined, registry)).toBe(known)
  })

  it('asks the families of the caller first', async () => {
    const own = { ...mine, modelTypes: ['known'] }
    expect(await familyOfConfig({ model_type: 'known' }, [own], registry)).toBe(own)
  })

  it.each(['new', 'toString'])('lists all where none takes %s', async (type) => {
    await expect(familyOfConfig({ model_type: type }, [mine], registry)).rejects.toMatchObject({
      code: 'UNSUPPORTED_DATA',
      hint: expect.stringContaining('supported: mine, known;') as string,
    })
  })
})

describe('familyOfName', () => {
  it('knows the built-in configs of the families of the caller, too', async () => {
    expect(await familyOfName('mine-1b', [mine], registry)).toEqual({ family: mine, config: { model_type: 'mine' } })
    expect(await familyOfName('known-1b', [mine], registry)).toMatchObject({ family: known })
    await expect(familyOfName('new-1b', [mine], registry)).rejects.toMatchObject({
      code: 'MODEL_NOT_FOUND',
      hint: 'names with a built-in config: mine-1b, known-1b',
    })
  })
})
