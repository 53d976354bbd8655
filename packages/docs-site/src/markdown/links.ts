import { existsSync, statSync } from 'node:fs'
import path from 'node:path'
import { hasPage, root } from '../pages.ts'
import { extraPages } from '../repository-pages.ts'

/** Where a link of a page leads on the site. */
export type Target =
  | { readonly kind: 'page'; readonly url: string }
  /** A file of the repository that the site brings along: its path from the root. */
  | { readonly kind: 'file'; readonly url: string; readonly file: string }
  /** Nothing on the site: the words stay, the link goes. */
  | { readonly kind: 'none' }

/**
 * Where a relative link leads that was written in a file of the repository (`from`, relative to its root) for readers of
 * the repository; undefined for what needs no change: other sites, anchors, pages beside it.
 */
export function resolveLink(from: string, href: string): Target | undefined {
  if (/^(?:[a-z]+:|#|\/)/i.test(href)) return undefined
  const [pathname = '', anchor] = href.split('#', 2)
  const target = path.posix.normalize(path.posix.join(path.posix.dirname(from), decodeURI(pathname))).replace(/\/$/, '')
  const hash = anchor === undefined ? '' : `#${anchor}`
  const page = pageOf(target)
  if (page !== undefined) return { kind: 'page', url: page + hash }
  const full = path.join(root, target)
  // A page that is not there stays as it is written: the build then says that the link is dead.
  if (!existsSync(full)) return target.startsWith('docs/') ? undefined : { kind: 'page', url: `/missing/${target}` }
  if (statSync(full).isDirectory()) return { kind: 'none' }
  return { kind: 'file', url: `/files/${target}`, file: target }
}

/** The page of the site that shows a file or folder of the repository. */
function pageOf(target: string): string | undefined {
  const extra = extraPages.find(({ file }) => file === target || file === `${target}/README.md`)
  if (extra) return `/packages/${extra.name}`
  const run = /^docs\/measurements\/([^/]+)\.json$/.exec(target)
  if (run && hasPage(target)) return `/measurements/${run[1]}`
  const readme = /^docs\/(.+?)(?:\/README\.md)?$/.exec(target)?.[1]
  if (readme !== undefined && hasPage(`docs/${readme}/README.md`)) return `/${readme}/`
  const page = /^docs\/(.+)\.md$/.exec(target)?.[1]
  if (page !== undefined && hasPage(target)) return page === 'index' ? '/' : `/${page}`
  const source = /^((?:packages|apps)\/[^/]+)\/src\b/.exec(target)?.[1]
  return source === undefined ? undefined : extraPages.find(({ file }) => file === `${source}/README.md`)?.api
}
