/** The first heading of a page, without its marks; undefined where there is none. */
export function titleOf(markdown: string): string | undefined {
  return /^# (.+)$/m.exec(markdown)?.[1]?.replaceAll('`', '').trim()
}
