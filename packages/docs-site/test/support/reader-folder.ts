import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { namedProfile } from '@flexgen/planner'
import { root } from '../../src/pages.ts'

/** Where pages say `a checkpoint`: the demo model is at each of these places. */
const checkpoints = ['opt-125m', 'opt-1.3b', 'opt-6.7b', 'path/to/opt-1.3b', 'models/opt-125m']

/** Folder of somebody who reads a page: all packages installed, a checkpoint, prompts, and `flexgen` in PATH. */
export interface ReaderFolder {
  readonly path: string
  readonly env: NodeJS.ProcessEnv
  readonly remove: () => void
}

/** Links every package with something to import into `node_modules` of a folder. */
function installPackages(folder: string): void {
  const modules = path.join(folder, 'node_modules')
  mkdirSync(path.join(modules, '@flexgen'), { recursive: true })
  for (const parent of ['packages', 'apps']) {
    for (const name of readdirSync(path.join(root, parent))) {
      const at = path.join(root, parent, name)
      if (!existsSync(path.join(at, 'package.json'))) continue
      const manifest = JSON.parse(readFileSync(path.join(at, 'package.json'), 'utf8'))
      if (!manifest.private && manifest.exports?.['.']?.types) symlinkSync(at, path.join(modules, manifest.name))
    }
  }
  symlinkSync(path.join(root, 'packages/tooling/node_modules/@types'), path.join(modules, '@types'))
}

function writeCommand(folder: string, name: string, args: string): void {
  const file = path.join(folder, name)
  writeFileSync(file, `#!/bin/sh\nexec "${process.execPath}" ${args} "$@"\n`)
  chmodSync(file, 0o755)
}

/** Makes such a folder; its caches are its own. */
export function createReaderFolder(): ReaderFolder {
  const folder = mkdtempSync(path.join(tmpdir(), 'flexgen-docs-'))
  const bin = path.join(folder, '.bin')
  mkdirSync(bin)
  writeCommand(bin, 'flexgen', `--conditions=@flexgen/source "${path.join(root, 'apps/cli/src/main.ts')}"`)
  writeCommand(bin, 'node', '--conditions=@flexgen/source')
  writeCommand(bin, 'npm', `"${path.join(import.meta.dirname, 'npm.mjs')}"`)
  installPackages(folder)
  for (const checkpoint of checkpoints) {
    mkdirSync(path.dirname(path.join(folder, checkpoint)), { recursive: true })
    symlinkSync(path.join(root, 'packages/demo-model/model'), path.join(folder, checkpoint))
  }
  const prompts = ['My fellow citizens', 'Call me Ishmael.'].map((prompt) => `${JSON.stringify({ prompt })}\n`)
  for (const name of ['prompts.jsonl', 'texts.jsonl']) writeFileSync(path.join(folder, name), prompts.join(''))
  writeFileSync(path.join(folder, 'hardware.json'), JSON.stringify(namedProfile('flexgen-t4')))
  writeFileSync(path.join(folder, 'theirs.py'), `echo '{"prefill_s": 1, "decode_s": 1, "decode_tok_s": 8}'\n`)
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true, "type": "module" }\n')
  return {
    path: folder,
    env: {
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FLEXGEN_'))),
      PATH: `${bin}${path.delimiter}${path.dirname(process.execPath)}${path.delimiter}${process.env['PATH']}`,
      XDG_CACHE_HOME: path.join(folder, '.cache'),
      UV_THREADPOOL_SIZE: '8',
      // Where a page has a program of others: a shell that prints what such a program prints.
      PYTHON: 'sh',
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
