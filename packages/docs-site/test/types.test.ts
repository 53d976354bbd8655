import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { listPackages } from '../src/packages.ts'
import { followedElsewhere, listPages, readPage, root } from '../src/pages.ts'
import { createReaderFolder } from './support/reader-folder.ts'

const folder = createReaderFolder()
afterAll(() => folder.remove())

/** Settings of a strict project of somebody else. */
const compilerOptions = {
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  module: 'nodenext',
  target: 'es2024',
  lib: ['es2024', 'esnext.disposable', 'esnext.float16'],
  types: ['node'],
  customConditions: ['@flexgen/source'],
  allowImportingTsExtensions: true,
  skipLibCheck: true,
  noEmit: true,
}

it('every TypeScript block of pages and of README files is typed', () => {
  const pages = [...listPages(), ...listPackages().map((one) => readPage(`${one.folder}/README.md`))]
  const files = pages
    .filter(({ name }) => !(name in followedElsewhere))
    .flatMap(({ name, fences }) =>
      fences
        .filter(({ language }) => language === 'ts')
        .map(({ text, line }) => {
          const file = `${name.replaceAll('/', '-').replace(/\.md$/, '')}-line-${line}.ts`
          writeFileSync(path.join(folder.path, file), `${text}\nexport {}\n`)
          return file
        }),
    )
  expect(files.length).toBeGreaterThan(15)
  writeFileSync(path.join(folder.path, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
  const args = [tsc, '-p', folder.path, '--pretty', 'false']
  const { stdout } = spawnSync(process.execPath, args, { cwd: folder.path, encoding: 'utf8' })
  // Sources of the packages, which the blocks import, have a check of their own.
  expect(stdout.split('\n').filter((line) => /^\S+-line-\d+\.ts\(|^error /.test(line))).toEqual([])
})
