import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import path from 'node:path'
import { capture } from './setup/capture.mjs'
import { nodePath, root, toolEnvironment } from './setup/paths.mjs'

/** The JavaScript file behind a development tool's command, to be run with node: works alike on every platform. */
export function tool(packageName, command = packageName) {
  const folder = path.join(root, 'node_modules', packageName)
  const { bin } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'))
  return path.join(folder, typeof bin === 'string' ? bin : bin[command])
}

/** Runs node in the foreground; resolves with the exit code, 128 + n for a signal, as a shell does. */
export function runInFront(args, cwd = root) {
  const child = spawn(nodePath(), args, { cwd, stdio: 'inherit', env: toolEnvironment() })
  // The terminal sends Ctrl-C to the child as well: only outlive it. A plain kill reaches this process alone.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  process.on('SIGHUP', () => child.kill('SIGHUP'))
  // npm passes SIGTERM on to the shell between us, which dies of it without a word: being an orphan is the only sign.
  const parent = process.ppid
  const watch = setInterval(() => process.ppid !== parent && child.kill('SIGTERM'), 500)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]))
  }).finally(() => clearInterval(watch))
}

/** Runs several at once and shows the output of those that fail; resolves with their names. */
export async function runTogether(commands) {
  const results = await Promise.all(
    Object.entries(commands).map(async ([name, args]) => {
      const { status, output } = await capture(nodePath(), args, { env: toolEnvironment() })
      if (status === 0) return []
      process.stderr.write(`${output}\nflexgen: ${name} failed\n\n`)
      return [name]
    }),
  )
  return results.flat()
}
