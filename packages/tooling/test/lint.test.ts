import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { arrows } from '../lint/arrows.mjs'

const root = path.resolve(import.meta.dirname, '../../..')

/** Source of a file, and the rule that must refuse it; `ok` must pass. */
const cases: Record<string, [file: string, source: string, rule: string]> = {
  'a tier imports core': ['packages/storage/src/a.ts', `import { x } from '@flexgen/core'`, 'arrows'],
  'core imports a concrete tier': ['packages/core/src/a.ts', `import { x } from '@flexgen/storage'`, 'arrows'],
  'core imports a backend': ['packages/core/src/b.ts', `import { x } from '@flexgen/backend-reference'`, 'arrows'],
  'a backend imports a backend': [
    'packages/backend-onnxruntime/src/a.ts',
    `import { x } from '@flexgen/backend-reference'`,
    'arrows',
  ],
  'a model imports a weight source': ['packages/opt/src/a.ts', `import { x } from '@flexgen/checkpoint'`, 'arrows'],
  'spec imports anything': ['packages/spec/src/a.ts', `import { x } from '@flexgen/core'`, 'arrows'],
  'a package imports the front door': ['packages/core/src/c.ts', `import { x } from 'flexgen'`, 'arrows'],
  'type import': ['packages/storage/src/b.ts', `import type { X } from '@flexgen/core'\nexport type { X }`, 'arrows'],
  'inline import type': ['packages/storage/src/c.ts', `/** Y. */\nexport type Y = import('@flexgen/core').X`, 'arrows'],
  're-export': ['packages/storage/src/d.ts', `export { x } from '@flexgen/core'`, 'arrows'],
  'star export': ['packages/storage/src/e.ts', `export * from '@flexgen/core'`, 'arrows'],
  'dynamic import': [
    'packages/storage/src/f.ts',
    `/** x. */\nexport const x = await import('@flexgen/core')`,
    'arrows',
  ],
  'relative import into another package': ['packages/storage/src/g.ts', `import '../../core/src/index.ts'`, 'arrows'],
  'relative dynamic import': [
    'packages/storage/src/deep/h.ts',
    `/** x. */\nexport const x = await import('../../../core/src/index.ts')`,
    'arrows',
  ],
  'relative import of an app': ['packages/storage/src/i.ts', `import '../../../apps/cli/src/main.ts'`, 'arrows'],
  'a path inside another package': ['packages/core/src/d.ts', `import { x } from '@flexgen/spec/dist/x.js'`, 'arrows'],
  'an undeclared dependency': ['packages/core/src/e.ts', `import { it } from 'vitest'`, 'arrows'],
  'the front door imports a backend eagerly': [
    'packages/flexgen/src/a.ts',
    `import { x } from '@flexgen/backend-reference'`,
    'arrows',
  ],
  'a test reaches into another package': [
    'packages/storage/src/a.test.ts',
    `import '../../core/src/index.ts'`,
    'arrows',
  ],
  'a test imports what it may not': ['packages/storage/test/b.test.ts', `import { x } from 'flexgen'`, 'arrows'],
  'bare Error': ['packages/core/src/f.ts', `/** f. */\nexport const f = () => new TypeError('x')`, 'no-bare-error'],
  'own Error class': ['packages/core/src/g.ts', `/** F. */\nexport class F extends Error {}`, 'no-bare-error'],
  'undocumented export': ['packages/core/src/h.ts', `export const h = 1`, 'jsdoc-on-exports'],
  console: ['packages/core/src/i.ts', `console.log(1)`, 'no-console'],
  'a file over 400 lines': ['packages/core/src/j.ts', 'f()\n'.repeat(401), 'max-lines'],

  'everything may import spec': ['packages/storage/src/ok.ts', `import { x } from '@flexgen/spec'\nx()`, 'ok'],
  'own files': ['packages/storage/src/deep/ok.ts', `import { x } from '../ok.ts'\nx()`, 'ok'],
  'declared dependency': ['packages/storage/src/ok2.ts', `import koffi from 'koffi'\nkoffi.load('x')`, 'ok'],
  'a test imports its helpers': [
    'packages/storage/src/ok.test.ts',
    `import { it } from 'vitest'\nimport { x } from '@flexgen/conformance'\nx(it)`,
    'ok',
  ],
  'the front door imports a backend lazily': [
    'packages/flexgen/src/ok.ts',
    `/** x. */\nexport const x = () => import('@flexgen/backend-reference')`,
    'ok',
  ],
}

interface Diagnostic {
  code: string
  filename: string
}

describe('lint rules', () => {
  let folder = ''
  const found = new Map<string, string[]>()

  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'flexgen-lint-'))
    for (const [file, source] of Object.values(cases)) {
      const manifest = path.join(...file.split('/').slice(0, 2), 'package.json')
      mkdirSync(path.join(folder, path.dirname(file)), { recursive: true })
      if (!existsSync(path.join(folder, manifest))) cpSync(path.join(root, manifest), path.join(folder, manifest))
      writeFileSync(path.join(folder, file), source + '\n')
    }
    const oxlint = path.join(root, 'node_modules/oxlint/bin/oxlint')
    const args = [oxlint, '-c', path.join(root, '.oxlintrc.json'), '--format', 'json', folder]
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', cwd: root })
    if (!stdout.startsWith('{')) throw new Error(`oxlint failed: ${stdout}${stderr}`)
    for (const { code, filename } of (JSON.parse(stdout) as { diagnostics: Diagnostic[] }).diagnostics) {
      const file = path.relative(folder, path.resolve(root, filename)).replaceAll('\\', '/')
      found.set(file, [...(found.get(file) ?? []), code.replace(/^.*\((.*)\)$/, '$1')])
    }
  })

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it.each(Object.entries(cases))('%s', (_, [file, , rule]) => {
    if (rule === 'ok') expect(found.get(file) ?? []).toEqual([])
    else expect(found.get(file)).toContain(rule)
  })

  it('has an arrow for every package', () => {
    const names = ['packages', 'apps', 'examples'].flatMap((parent) => readdirSync(path.join(root, parent)))
    const missing = names.filter((name) => name !== 'tooling' && !name.startsWith('backend-') && !(name in arrows))
    expect(missing).toEqual([])
  })
})
