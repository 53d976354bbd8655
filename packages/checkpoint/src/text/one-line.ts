const maxLength = 120

/** Text from a file, made fit for a one-line message: control characters replaced, cut to 120 characters. */
export function oneLine(text: string): string {
  const visible = text.slice(0, maxLength).replaceAll(/\p{C}/gu, '\u{fffd}')
  return text.length > maxLength ? `${visible}...` : visible
}

/** A name from a file in quotes, made fit for a one-line message. */
export function quoteName(name: string): string {
  return `'${oneLine(name)}'`
}
