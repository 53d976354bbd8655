/** What a fenced block may need that a test has not. The words are the reader's, and stand below the block on the site. */
export const needs = {
  gpu: 'a CUDA GPU',
  checkpoint: 'a checkpoint of that size',
  flexllmgen: 'FlexLLMGen and a CUDA GPU',
  transformers: 'Python with torch and transformers',
  'llama-cpp': 'llama.cpp',
  build: 'a built checkout (npm run build)',
  published: 'the packages of a release',
  minutes: 'minutes, or hours, of a quiet machine',
} as const

/** One thing that a block may need. */
export type Need = keyof typeof needs

/** A fenced block of a Markdown page. */
export interface Fence {
  /** First word after the fence, `sh` for one; empty where there is none. */
  readonly language: string
  readonly text: string
  /** Line of the opening fence, from 1. */
  readonly line: number
  /** The text of a file, which blocks after it use: `file=scenario.json`. */
  readonly file: string | undefined
  /** `needs=gpu,checkpoint`: no test runs it. */
  readonly needs: readonly string[]
  /** `slow`: only `npm run test:long` runs it. */
  readonly isSlow: boolean
  /** `output`: what a program prints, nothing to run. */
  readonly isOutput: boolean
  /** Words of the mark that nothing knows. */
  readonly unknown: readonly string[]
}

/** All fenced blocks of a page in their order; indented ones (in lists) lose their indent. */
export function listFences(markdown: string): Fence[] {
  const fences: Fence[] = []
  const lines = markdown.split('\n')
  for (let at = 0; at < lines.length; at++) {
    const opening = /^(\s*)(`{3,}|~{3,})(.*)$/.exec(lines[at]!)
    if (!opening) continue
    const [, indent = '', fence = '', info = ''] = opening
    const end = lines.findIndex((line, index) => index > at && line.trim() === fence)
    const last = end === -1 ? lines.length : end
    const text = lines.slice(at + 1, last).map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
    fences.push({ ...readInfo(info), text: text.map((line) => `${line}\n`).join(''), line: at + 1 })
    at = last
  }
  return fences
}

/** Splits what stands after the fence. */
export function readInfo(info: string): Omit<Fence, 'text' | 'line'> {
  const [language = '', ...marks] = info.trim().split(/\s+/)
  const valueOf = (name: string) => marks.find((mark) => mark.startsWith(`${name}=`))?.slice(name.length + 1)
  const isKnown = (mark: string) => mark === 'slow' || mark === 'output' || /^(?:file|needs)=./.test(mark)
  return {
    language,
    file: valueOf('file'),
    needs: valueOf('needs')?.split(',') ?? [],
    isSlow: marks.includes('slow'),
    isOutput: marks.includes('output'),
    unknown: marks.filter((mark) => !isKnown(mark)),
  }
}
