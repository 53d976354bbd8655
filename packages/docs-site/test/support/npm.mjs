// Stands in for npm in the blocks of a page, which people run in a checkout: runs the script of the root package.json as
// npm does, from the folder of the page. `npm test` is what runs this very test. `npm install` finds our packages installed, as
// `check:packages` really does it, and knows no others.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'

function fail(message) {
  process.stderr.write(`npm: ${message}\n`)
  process.exit(1)
}

const root = path.resolve(import.meta.dirname, '../../../..')
const [command, ...rest] = process.argv.slice(2).filter((word) => word !== '-s')
if (command === 'install') {
  const missing = rest.filter((name) => !name.startsWith('-') && !existsSync(path.resolve('node_modules', name)))
  if (missing.length > 0) fail(`no packages of ours: ${missing.join(', ')}`)
  process.exit(0)
}
const [name, ...args] = command === 'run' ? rest : [command, ...rest]
const script = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).scripts[name]
if (script === undefined) fail(`no script '${name}' in the root package.json`)
if (name === 'test') process.exit(0)
const env = { ...process.env, INIT_CWD: process.cwd() }
const [file, ...words] = script.split(' ')
const all = [...words, ...(args[0] === '--' ? args.slice(1) : args)]
process.exitCode = spawnSync(file, all, { cwd: root, env, stdio: 'inherit' }).status ?? 1
