import { readFileSync } from 'node:fs'
import path from 'node:path'
import { root } from '../../../../scripts/setup/paths.mjs'

/** What a README asks its readers to do: the packages of its first `npm install`, and its first TypeScript snippet. */
export interface Readme {
  readonly packages: readonly string[]
  readonly snippet: string
}

/** Reads the README of a package, or another page; parts that it does not have are empty. */
export function readReadme(page: string): Readme {
  const file = page.endsWith('.md') ? page : `${page}/README.md`
  const text = readFileSync(path.join(root, file), 'utf8')
  return {
    packages: /^```sh.*\nnpm install (.+)\n```$/m.exec(text)?.[1]?.split(' ') ?? [],
    snippet: /^```ts\n([\s\S]+?)^```$/m.exec(text)?.[1] ?? '',
  }
}
