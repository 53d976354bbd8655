import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'

/**
 * The rule of arrows: which package's sources may import which workspace packages. `lazy` names may only be imported
 * with `import()` or as types, so that a missing one is an error with a hint and start-up stays short. A package
 * that is not listed may import nothing of the workspace.
 */
export const arrows = {
  spec: {},
  quantize: { imports: ['spec'] },
  core: {
    imports: ['spec'],
    tests: ['backend-native', 'backend-onnxruntime', 'checkpoint', 'opt', 'storage', 'tokenizer'],
  },
  planner: { imports: ['spec', 'core'], tests: ['opt'] },
  profiler: { imports: ['spec', 'planner'], tests: ['opt', 'storage', 'backend-native', 'backend-onnxruntime'] },
  checkpoint: { imports: ['spec', 'quantize'] },
  tokenizer: { imports: ['spec'] },
  storage: { imports: ['spec'] },
  opt: { imports: ['spec'], tests: ['checkpoint'] },
  'opt-fixtures': { imports: ['spec'] },
  'backend-kit': { imports: ['spec'] },
  'backend-*': { imports: ['spec', 'quantize', 'backend-kit'], tests: ['checkpoint', 'opt', 'storage'] },
  'backend-simulated': { imports: ['spec', 'backend-kit'], tests: ['checkpoint', 'opt', 'storage'] },
  // The examples do what anybody would, and so import what the guides tell them to install.
  gpt2: { imports: ['spec'], tests: ['checkpoint', 'flexgen'] },
  'toy-backend': { imports: ['spec', 'backend-kit'], tests: ['flexgen'] },
  conformance: { imports: ['spec'] },
  'demo-model': { tests: ['checkpoint', 'tokenizer'] },
  'docs-site': { imports: ['spec'], tests: ['planner'] },
  flexgen: {
    imports: ['spec', 'core', 'planner', 'profiler', 'checkpoint', 'tokenizer', 'storage'],
    lazy: ['backend-*', 'opt', 'demo-model'],
  },
  cli: {
    imports: ['spec', 'flexgen'],
    lazy: ['backend-*', 'opt', 'demo-model', 'checkpoint', 'core', 'planner', 'storage', 'tokenizer', 'bench'],
  },
  bench: {
    imports: ['spec', 'flexgen', 'core', 'planner'],
    lazy: ['backend-*', 'opt', 'demo-model', 'checkpoint', 'storage'],
  },
}

/** What the tests of every package may import besides what its sources may. */
const testImports = ['conformance', 'backend-reference', 'core', 'opt-fixtures']

const matches = (patterns, name) =>
  patterns.some((pattern) => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name))

const entryOf = (name) => arrows[name] ?? (name.startsWith('backend-') ? arrows['backend-*'] : {})

/** Folder, short name and kind of the package that holds a file; undefined outside packages/, apps/ and examples/. */
export function packageOf(file) {
  const found = /^(.*\/(?:packages|apps|examples)\/([^/]+))\/(.+)$/.exec(file.replaceAll('\\', '/'))
  if (!found || found[2] === 'tooling') return undefined
  const [, folder, name, inside] = found
  return { folder, name, isSource: inside.startsWith('src/') && !inside.endsWith('.test.ts') }
}

const manifests = new Map()
function declares(folder, dependency) {
  if (!manifests.has(folder)) {
    const file = path.join(folder, 'package.json')
    manifests.set(folder, existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {})
  }
  const { dependencies, peerDependencies, optionalDependencies } = manifests.get(folder)
  return dependency in { ...dependencies, ...peerDependencies, ...optionalDependencies }
}

/** Why `specifier` may not be imported here, or undefined when it may. `how` is 'static', 'type' or 'dynamic'. */
export function complaint(file, specifier, how) {
  const here = packageOf(file)
  if (!here) return undefined
  if (specifier.startsWith('.') || path.isAbsolute(specifier)) {
    const inside = path.resolve(path.dirname(file), specifier).startsWith(here.folder + path.sep)
    return inside ? undefined : 'no relative import into another package: import it by its name'
  }
  const workspace = /^(?:@flexgen\/([^/]+)|(flexgen))(\/.*)?$/.exec(specifier)
  if (!workspace) {
    if (!here.isSource || specifier.startsWith('node:')) return undefined
    const dependency = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
    return declares(here.folder, dependency) ? undefined : `'${dependency}' is not a dependency in package.json`
  }
  const name = workspace[1] ?? workspace[2]
  const { imports = [], lazy = [], tests = [] } = entryOf(here.name)
  if (name === here.name) return 'a package imports itself by relative paths'
  if (workspace[3]) return `only the main entry of '${name}' may be imported`
  if (matches(imports, name)) return undefined
  if (matches(lazy, name) && (how !== 'static' || !here.isSource)) return undefined
  if (!here.isSource && matches([...testImports, ...tests], name)) return undefined
  if (matches(lazy, name)) return `${here.name} may import '${name}' only lazily, with import()`
  return `${here.name} may not import '${name}' (the rule of arrows: packages/tooling/lint/arrows.mjs)`
}

/** The lint rule `flexgen/arrows`. */
export const rule = {
  create(context) {
    const check = (node, source, how) => {
      if (source?.type !== 'Literal' || typeof source.value !== 'string') return
      const message = complaint(context.filename, source.value, how)
      if (message) context.report({ node: source, message })
    }
    const checkStatic = (node) =>
      check(node, node.source, node.importKind === 'type' || node.exportKind === 'type' ? 'type' : 'static')
    return {
      ImportDeclaration: checkStatic,
      ExportNamedDeclaration: checkStatic,
      ExportAllDeclaration: checkStatic,
      ImportExpression: (node) => check(node, node.source, 'dynamic'),
      TSImportType: (node) => check(node, node.source ?? node.argument, 'type'),
    }
  },
}
