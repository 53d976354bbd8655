import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

const asNeeded = ['LICENSE', 'README.md', 'package.json']
const unwanted = /(^|\/)(test|fixtures|node_modules|\.turbo|\.cache)\/|\.(test|spec)\.|\.tsbuildinfo$|tsconfig/

/** What is wrong with a source map: its sources must lie in the package, or in the map. */
function mapProblems(folder, map) {
  const { sources, sourcesContent } = JSON.parse(readFileSync(path.join(folder, map), 'utf8'))
  const isThere = (source) => existsSync(path.resolve(folder, path.dirname(map), source))
  const missing = sources.filter((source, at) => sourcesContent?.[at] === undefined && !isThere(source))
  return missing.map((source) => `${map} names ${source}, which is not shipped`)
}

/** What is wrong with a package as it was unpacked into `folder`: a line for each. */
export function packageProblems(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .filter((file) => !file.startsWith('node_modules/'))
  const compiled = files.filter((file) => /^dist\/.*(\.js|\.d\.ts)$/.test(file))
  const manifest = readFileSync(path.join(folder, 'package.json'), 'utf8')
  return [
    ...asNeeded.filter((file) => !files.includes(file)).map((file) => `${file} is missing`),
    ...files.filter((file) => unwanted.test(file)).map((file) => `${file} does not belong there`),
    ...compiled.filter((file) => !files.includes(`${file}.map`)).map((file) => `${file} has no map`),
    ...files.filter((file) => file.endsWith('.map')).flatMap((file) => mapProblems(folder, file)),
    ...['workspace:', 'catalog:', '"@flexgen/source":']
      .filter((text) => manifest.includes(text))
      .map((text) => `package.json says ${text}`),
  ]
}
