const maxLength = 60

/** A value from a file, made fit for a one-line message: cut to 60 characters, control characters replaced. */
export function showValue(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object'
  const text = String(typeof value === 'string' ? JSON.stringify(value.slice(0, maxLength)) : value)
  return text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '\u{fffd}')
}

/** Names from a file for a one-line message: the first ones, and how many more there are. */
export function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 3).map((name) => (/^[\w.-]{1,120}$/.test(name) ? name : showValue(name)))
  return `${shown.join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}`
}
