import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { type Fence, listFences } from '../../docs-site/src/fences.ts'

/** The checkout. */
export const root: string = path.resolve(import.meta.dirname, '../../..')

/** A guide whose `file=` blocks are the files of an example. */
export interface Guide {
  /** The page, from the root. */
  readonly page: string
  /** Folder of the example, from the root. */
  readonly example: string
  /** Files of the guide that are not the example's, since a checkout has its own: `tsconfig.json`. */
  readonly own: readonly string[]
  /** Files of the example that the guide has to show. */
  readonly shown: string
  /** Folders of the example that readers copy. */
  readonly copied?: readonly string[]
  /** A part of what the last command prints. */
  readonly printed?: string
}

/** All guides that build an example. */
export const guides: readonly Guide[] = [
  {
    page: 'docs/guides/add-a-backend.md',
    example: 'examples/toy-backend',
    own: ['tsconfig.json'],
    shown: '{*.ts,src/**/*.ts,test/!(*.test).ts}',
  },
  {
    page: 'docs/guides/add-a-model.md',
    example: 'examples/gpt2',
    own: ['tsconfig.json'],
    shown: '{*.ts,src/**/*.ts,test/!(*.test).ts,scripts/reference_logits.py}',
    copied: ['fixtures'],
    // What transformers writes behind the first prompt.
    printed: '"ids":[293,232,107,149,134,293,261,195,134,97,236,50,122,187,115,38]',
  },
]

/** The blocks of a guide. */
export function fencesOf({ page }: Guide): Fence[] {
  return listFences(readFileSync(path.join(root, page), 'utf8'))
}

/** Text of every file of the guide by its name. */
export function filesOf(guide: Guide): Map<string, string> {
  const files = fencesOf(guide).flatMap(({ file, text }) => (file === undefined ? [] : [[file, text] as const]))
  return new Map(files)
}

/** Text of every file of the example that the guide has to show, by its name. */
export function exampleFilesOf({ example, shown }: Guide): Map<string, string> {
  const folder = path.join(root, example)
  const names = globSync(shown, { cwd: folder }).map((name) => name.replaceAll('\\', '/'))
  return new Map(names.toSorted().map((name) => [name, readFileSync(path.join(folder, name), 'utf8')]))
}

/** The guide's text with the files of the example in its `file=` blocks. */
export function guideWithFiles(guide: Guide): string {
  const lines = readFileSync(path.join(root, guide.page), 'utf8').split('\n')
  for (const { file, line, text } of fencesOf(guide).toReversed()) {
    if (file === undefined || guide.own.includes(file)) continue
    const source = path.join(root, guide.example, file)
    if (existsSync(source))
      lines.splice(line, text.split('\n').length - 1, ...readFileSync(source, 'utf8').trimEnd().split('\n'))
  }
  return lines.join('\n')
}
