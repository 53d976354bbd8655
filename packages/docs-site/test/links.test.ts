import { describe, expect, it } from 'vitest'
import { resolveLink } from '../src/markdown/links.ts'

describe('resolveLink', () => {
  it.each([
    ['docs/planning.md', 'measurements/predictions.json', '/measurements/predictions'],
    ['docs/guides/generate.md', '../planning.md#memory', '/planning#memory'],
    ['docs/guides/benchmarks.md', '../measurements/README.md', '/measurements/'],
    ['docs/kernels.md', '../packages/backend-native', '/packages/backend-native'],
    ['docs/guides/x.md', '../../packages/spec/src/backend.ts', '/api/@flexgen/spec'],
    ['packages/core/README.md', '../../docs/architecture.md', '/architecture'],
    ['docs/index.md', '../packages/demo-model/MODEL_CARD.md', '/packages/demo-model-card'],
  ])('%s: %s is the page %s', (from, href, url) => {
    expect(resolveLink(from, href)).toEqual({ kind: 'page', url })
  })

  it('brings files along, and leaves out folders without a page', () => {
    const file = 'apps/bench/schema/report.schema.json'
    expect(resolveLink('docs/guides/benchmarks.md', `../../${file}`)).toEqual({
      kind: 'file',
      url: `/files/${file}`,
      file,
    })
    expect(resolveLink('docs/measurements/README.md', 'llama-cpp')).toEqual({ kind: 'none' })
  })

  it.each(['https://arxiv.org/abs/2303.06865', '#here', '/api/', 'missing.md'])('%s stays', (href) => {
    expect(resolveLink('docs/index.md', href)).toBeUndefined()
  })

  it('leads to no page where the repository has no such file', () => {
    expect(resolveLink('docs/index.md', '../packages/none/README.md')).toEqual({
      kind: 'page',
      url: '/missing/packages/none/README.md',
    })
  })
})
