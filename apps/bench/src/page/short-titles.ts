/** Titles without the words up to a colon that all of them begin with, such as the model's name. */
export function shortTitles(titles: readonly string[]): string[] {
  const prefix = /^.*?: /.exec(titles[0] ?? '')?.[0]
  if (titles.length < 2 || prefix === undefined || !titles.every((title) => title.startsWith(prefix)))
    return [...titles]
  return titles.map((title) => title.slice(prefix.length))
}
