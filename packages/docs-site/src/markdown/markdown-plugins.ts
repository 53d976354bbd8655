import type { MarkdownOptions } from 'vitepress'
import { needs, readInfo } from '../fences.ts'
import { resolveLink } from './links.ts'

type MarkdownIt = Parameters<NonNullable<MarkdownOptions['config']>>[0]

/** Where pages come from in the repository, by their path below docs/. */
export type SourceOf = (relativePath: string) => string

/** Links that were written for readers of the repository lead to pages of the site, or are plain words. */
export function useRepositoryLinks(markdown: MarkdownIt, sourceOf: SourceOf): void {
  markdown.core.ruler.push('repository-links', (state) => {
    const from = sourceOf(state.env.relativePath ?? state.env.path ?? '')
    for (const { children } of state.tokens) {
      const open: boolean[] = []
      for (const token of children ?? []) {
        if (token.type === 'link_open') {
          const target = resolveLink(from, token.attrGet('href') ?? '')
          open.push(target?.kind === 'none')
          if (target?.kind === 'none') [token.tag, token.attrs] = ['span', []]
          else if (target) token.attrSet('href', target.url)
          if (target?.kind === 'file') token.attrSet('target', '_self')
        } else if (token.type === 'link_close' && open.pop()) token.tag = 'span'
      }
    }
    return true
  })
  const opens = markdown.renderer.rules['link_open']
  markdown.renderer.rules['link_open'] = (tokens, at, options, env, self) =>
    tokens[at]!.tag === 'span' || !opens ? self.renderToken(tokens, at, options) : opens(tokens, at, options, env, self)
}

/** Below a block stands what it needs, in words. */
export function useNeeds(markdown: MarkdownIt): void {
  const fence = markdown.renderer.rules.fence!
  markdown.renderer.rules.fence = (tokens, at, options, env, self) => {
    const mark = readInfo(tokens[at]!.info)
    const words = mark.needs.map((need) => needs[need as keyof typeof needs] ?? need).join(', ')
    const html = fence(tokens, at, options, env, self)
    return words === '' ? html : `${html}<p class="needs">Needs ${words}.</p>\n`
  }
}
