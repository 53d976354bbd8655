import { CorruptDataError, type ModelFamily, NotFoundError, UnsupportedDataError } from '@flexgen/spec'
import { type FamilyEntry, modelFamilies } from '../registry/model-families.ts'

/** A family with the built-in config of one of its names. */
export interface NamedConfig {
  readonly family: ModelFamily
  readonly config: unknown
}

/**
 * The family that takes a config.json: one of the caller's own, or else one that is known by name.
 * @throws {FlexgenError} `CORRUPT_DATA` without a model_type, `UNSUPPORTED_DATA` for an unknown one
 */
export async function familyOfConfig(
  config: unknown,
  own: readonly ModelFamily[] = [],
  registry: Readonly<Record<string, FamilyEntry>> = modelFamilies,
): Promise<ModelFamily> {
  const type = (config as { model_type?: unknown } | null)?.model_type
  if (typeof type !== 'string') throw new CorruptDataError('config.json has no model_type')
  const given = own.find(({ modelTypes }) => modelTypes.includes(type))
  if (given !== undefined) return given
  const entry = Object.hasOwn(registry, type) ? registry[type] : undefined
  if (entry !== undefined) return entry.load()
  const types = [...own.flatMap(({ modelTypes }) => modelTypes), ...Object.keys(registry)]
  throw new UnsupportedDataError(`config.json: model_type '${type}' is not supported`, {
    hint: `supported: ${types.join(', ')}; others need a family of their own, given to createEngine`,
  })
}

/**
 * The built-in config of a name, with or without an organisation, such as `facebook/opt-30b`; of the caller's families first.
 * @throws {FlexgenError} `MODEL_NOT_FOUND` with the names there are
 */
export async function familyOfName(
  name: string,
  own: readonly ModelFamily[] = [],
  registry: Readonly<Record<string, FamilyEntry>> = modelFamilies,
): Promise<NamedConfig> {
  const names: string[] = []
  for (const entry of [...own.map((family) => ({ load: () => family })), ...Object.values(registry)]) {
    const family = await entry.load()
    const config = family.builtinConfig(name)
    if (config !== undefined) return { family, config }
    names.push(...family.builtinNames)
  }
  throw new NotFoundError('MODEL_NOT_FOUND', `there is no built-in config for '${name}'`, {
    hint: `names with a built-in config: ${names.join(', ')}`,
  })
}
