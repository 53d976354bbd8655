import type { HelpConfiguration, Option } from 'commander'

/** Two long names of one option, such as `--gen-len, --max-new-tokens`: the first is FlexGen's. */
function aliasOf({ short }: Option): string | undefined {
  return short?.startsWith('--') === true ? short : undefined
}

/**
 * How options are listed: one name in the left column, so that it stays narrow, and what else is to be known behind the
 * description.
 */
export const helpFormat: HelpConfiguration = {
  optionTerm: (option) => {
    const alias = aliasOf(option)
    return alias === undefined ? option.flags : option.flags.replace(`${alias}, `, '')
  },
  optionDescription: (option) => {
    const { description, argChoices, defaultValue, defaultValueDescription } = option
    const alias = aliasOf(option)
    const more = [
      ...(alias === undefined ? [] : [`also ${alias}`]),
      ...(argChoices === undefined ? [] : [`one of ${argChoices.join(', ')}`]),
      ...(defaultValue === undefined ? [] : [`default ${defaultValueDescription ?? String(defaultValue)}`]),
    ]
    return more.length === 0 ? description : `${description} (${more.join('; ')})`
  },
}
