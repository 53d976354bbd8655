import { describe, expect, it } from 'vitest'
import { listFences, readInfo } from '../src/fences.ts'
import { isForMachines, runBlock } from './support/run-block.ts'

const markdown = `
# Page

\`\`\`sh slow
one
\`\`\`

- in a list:

  \`\`\`\`ts file=a.ts
  const x = \`\`
  \`\`\`
  \`\`\`\`

\`\`\`
plain
\`\`\`
`

describe('listFences', () => {
  it('finds blocks with line, language, text and marks', () => {
    const fences = listFences(markdown)
    expect(fences).toMatchObject([
      { language: 'sh', text: 'one\n', line: 4, isSlow: true, file: undefined },
      { language: 'ts', text: 'const x = ``\n```\n', line: 10, isSlow: false, file: 'a.ts' },
      { language: '', text: 'plain\n' },
    ])
    expect(fences.map((fence) => isForMachines(fence))).toEqual([true, true, false])
  })

  it('reads needs, output, and words that nothing knows', () => {
    expect(readInfo('sh needs=gpu,checkpoint')).toMatchObject({ needs: ['gpu', 'checkpoint'], unknown: [] })
    expect(readInfo('json output')).toMatchObject({ isOutput: true, needs: [] })
    expect(readInfo('sh skip')).toMatchObject({ unknown: ['skip'] })
  })
})

describe('runBlock', () => {
  const folder = { path: import.meta.dirname, env: process.env, remove: () => undefined }
  const block = (language: string, text: string) => listFences(`\`\`\`${language}\n${text}\n\`\`\``)[0]!

  it('ends with the exit code of the first command that fails', () => {
    expect(runBlock(block('sh', 'echo said\n(exit 3)\ntrue'), folder, 10_000)).toEqual({ status: 3, said: 'said\n' })
    expect(runBlock(block('sh', 'false | cat'), folder, 10_000).status).toBe(1)
  })

  it('refuses what it cannot run, and JSON that is none', () => {
    expect(() => runBlock(block('python', 'print()'), folder, 10_000)).toThrow("no test runs 'python'")
    expect(() => runBlock(block('json', '{'), folder, 10_000)).toThrow(SyntaxError)
  })
})
