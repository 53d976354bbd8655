const maxLength = 120
const maxListed = 3

/** Text from a file, made fit for a one-line message: control characters replaced, cut to 120 characters. */
export function oneLine(text: string): string {
  const visible = text.slice(0, maxLength).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '\u{fffd}')
  return text.length > maxLength ? `${visible}...` : visible
}

/** A name from a file in quotes, made fit for a one-line message. */
export function quoteName(name: string): string {
  return `'${oneLine(name)}'`
}

/** Names from a file for a one-line message: the first three, and how many more there are. */
export function listNames(names: readonly string[]): string {
  const more = names.length > maxListed ? ` and ${names.length - maxListed} more` : ''
  return `${names.slice(0, maxListed).map(quoteName).join(', ')}${more}`
}
