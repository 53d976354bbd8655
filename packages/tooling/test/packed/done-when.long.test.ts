import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { type SnippetBackend, snippetBackends } from './backends-of-snippets.ts'
import { copyDemoModel, createPackageProject, hasHostKernels } from './package-project.ts'
import { readReadme } from './readme.ts'

/** Installs into an empty folder, writes the program beside somebody's own checkpoint, and runs it; what it wrote. */
async function textOf(packages: readonly string[], program: string): Promise<string> {
  using project = await createPackageProject(packages)
  copyDemoModel(path.join(project.folder, 'opt-1.3b'))
  expect(await project.compile('program', program)).toBe('')
  const { status, stdout, stderr } = await project.run('program.js')
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
  return stdout
}

/** Changes what must be there. */
function replaced(text: string, from: string, to: string): string {
  expect(text).toContain(from)
  return text.replaceAll(from, to)
}

/** The text without the bytes of the last sweep, which stand below it. */
function replacedBytes(written: string): string {
  expect(written).toMatch(/^\{ weights: \d+, cache: 0, hidden: 0 \}$/m)
  return written.replace(/^\{ weights: \d+, cache: 0, hidden: 0 \}$/m, '')
}

/** What each backend writes that can work here. */
function textsOf(write: (backend: SnippetBackend) => Promise<string>): Promise<string[]> {
  return Promise.all(snippetBackends.filter(({ name }) => name !== 'native' || hasHostKernels).map(write))
}

describe('from an empty folder', () => {
  it('flexgen, opt and one backend write text; one other line is another backend, and the same text', async () => {
    const { snippet } = readReadme('packages/flexgen')
    const program = replaced(snippet, 'model: undefined', "model: './opt-1.3b'")
    expect(program.trimEnd().split('\n').length).toBeLessThan(20)
    const [first, ...others] = await textsOf(async ({ name, packages }) => {
      const written = await textOf(['flexgen', '@flexgen/opt', ...packages], replaced(program, "'auto'", `'${name}'`))
      // What the planner leaves on disk hangs on what the machine has free, and on past runs.
      return replacedBytes(written)
    })
    expect(first).toMatch(/^My fellow citizens .{60}[^]*^Call me Ishmael\. [^]{60}/m)
    expect(others).toEqual(others.map(() => first))
  })

  it('the parts by hand write the same, without the front door', async () => {
    const { packages, snippet } = readReadme('docs/guides/without-the-front-door.md')
    const own = '@flexgen/backend-reference'
    const texts = await textsOf((backend) => {
      const await_ = backend.name === 'reference' ? '' : 'await '
      const made = replaced(snippet, '= createReferenceBackend()', `= ${await_}${backend.factory}()`)
      const program = replaced(replaced(made, 'createReferenceBackend', backend.factory), own, backend.packages[0])
      return textOf([...packages.filter((name) => name !== own), ...backend.packages], program)
    })
    expect(texts[0]).toMatch(/^.{60}/)
    expect(texts).toEqual(texts.map(() => texts[0]))
  })
})
