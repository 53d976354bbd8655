import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { CompilerState, Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor'
import { publicPackages } from '../../../scripts/packed/public-packages.mjs'
import { tool } from '../../../scripts/run.mjs'
import { root } from '../../../scripts/setup/paths.mjs'

/** What a package exports, as text whose changes a review sees. */
export interface ApiReport {
  readonly name: string
  /** File of the report, from the root. */
  readonly file: string
  readonly text: string
}

interface Library {
  readonly name: string
  readonly folder: string
}

const libraries: readonly Library[] = publicPackages()
  .filter(({ manifest }) => manifest.exports['.'] !== undefined)
  .map(({ folder, manifest }) => ({ folder, name: manifest.name }))

const entryOf = ({ folder }: Library): string => path.join(root, folder, 'dist/index.d.ts')
const fileOf = ({ folder }: Library): string => `${folder}/api/${path.basename(folder)}.api.md`

const compilerOptions = {
  module: 'nodenext',
  target: 'es2024',
  lib: ['es2024', 'esnext.disposable', 'esnext.float16'],
  types: ['node'],
  typeRoots: [path.join(root, 'node_modules/@types')],
  skipLibCheck: true,
  strict: true,
  exactOptionalPropertyTypes: true,
}

const silent = { default: { logLevel: ExtractorLogLevel.None } }

function configOf(library: Library, reportFolder: string): ExtractorConfig {
  const folder = path.join(root, library.folder)
  return ExtractorConfig.prepare({
    packageJsonFullPath: path.join(folder, 'package.json'),
    configObjectFullPath: undefined,
    configObject: {
      projectFolder: folder,
      mainEntryPointFilePath: entryOf(library),
      newlineKind: 'lf',
      compiler: { overrideTsconfig: { compilerOptions, files: ['dist/index.d.ts'] } },
      // What exported signatures name is part of them, exported or not.
      apiReport: {
        enabled: true,
        reportFileName: path.basename(library.folder),
        reportFolder,
        reportTempFolder: path.join(reportFolder, 'temp'),
        includeForgottenExports: true,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: { compilerMessageReporting: silent, extractorMessageReporting: silent, tsdocMessageReporting: silent },
    },
  })
}

/** Brings the declarations in `dist` up to date. */
function compile(): void {
  const projects = libraries.map(({ folder }) => path.join(root, folder, 'tsconfig.json'))
  const { status, stdout } = spawnSync(process.execPath, [tool('typescript', 'tsc'), '-b', ...projects], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stdout)
}

/** The reports of all packages, made by API Extractor from what the compiler emits. */
export function createApiReports(): ApiReport[] {
  compile()
  const folder = mkdtempSync(path.join(tmpdir(), 'flexgen-api-'))
  mkdirSync(path.join(folder, 'temp'))
  try {
    const configs = libraries.map((library) => configOf(library, folder))
    // One program for all: their declarations are read once.
    const additionalEntryPoints = libraries.map(entryOf)
    const compilerState = CompilerState.create(configs[0]!, { additionalEntryPoints })
    return libraries.map((library, at) => {
      Extractor.invoke(configs[at]!, {
        localBuild: true,
        compilerState,
        messageCallback: (message) => (message.handled = true),
      })
      const made = path.join(folder, `${path.basename(library.folder)}.api.md`)
      return { name: library.name, file: fileOf(library), text: readFileSync(made, 'utf8') }
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The report of the same package in the repository; empty where there is none. */
export function committedReport({ file }: ApiReport): string {
  const full = path.join(root, file)
  return existsSync(full) ? readFileSync(full, 'utf8') : ''
}
