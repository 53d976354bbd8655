import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** The checkout. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/[\\/]$/, '')

/** Everything that the set-up makes, besides the node_modules folders. */
export const cache = path.join(root, '.cache')

/** Commands for people: `export PATH="$PWD/.cache/bin:$PATH"`. */
export const binFolder = path.join(cache, 'bin')

const onWindows = process.platform === 'win32'

/** The file of Node in its package. */
export const nodeFile = onWindows ? 'bin/node.exe' : 'bin/node'

/** The file of pnpm in its package. */
export const pnpmFile = onWindows ? 'pnpm.exe' : 'pnpm'

let node = process.execPath

/** The Node that runs everything: the pinned one as soon as it is there. */
export const nodePath = () => node

/** Sets what `nodePath` returns. */
export const useNode = (file) => {
  node = file
}

/** The environment of a tool: the pinned Node and the tools first on PATH, and no calls home. */
export function toolEnvironment() {
  const key = Object.keys(process.env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH'
  const folders = [binFolder, path.join(root, 'node_modules', '.bin'), process.env[key] ?? '']
  return {
    ...process.env,
    [key]: folders.join(path.delimiter),
    TURBO_TELEMETRY_DISABLED: '1',
    TURBO_NO_UPDATE_NOTIFIER: '1',
  }
}
