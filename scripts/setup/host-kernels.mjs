import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { capture } from './capture.mjs'
import { cache, root } from './paths.mjs'

const folder = path.join(root, 'packages', 'backend-native')
const defaultStateFile = path.join(cache, 'host-kernels.json')

/** Files below a folder, as whole paths. */
function filesBelow(at) {
  return readdirSync(at, { withFileTypes: true })
    .flatMap((entry) => {
      const full = path.join(at, entry.name)
      return entry.isDirectory() ? filesBelow(full) : [full]
    })
    .sort()
}

/** Where a shell would find the C compilers that may be taken. */
export function compilersInPath() {
  const commands = process.env.CC ? [process.env.CC] : ['cc', 'gcc', 'clang']
  const folders = (process.env.PATH ?? '').split(path.delimiter)
  return commands.flatMap((command) =>
    folders.map((at) => path.resolve(at, command)).filter((file) => existsSync(file)),
  )
}

/** A hash over all that decides what is compiled; cheap, since it stands before every command. */
function inputsHash() {
  const { CC, FLEXGEN_NATIVE_CACHE } = process.env
  const hash = createHash('sha256').update(JSON.stringify([process.arch, CC, FLEXGEN_NATIVE_CACHE]))
  for (const compiler of compilersInPath()) hash.update(`${compiler} ${statSync(compiler).mtimeMs}\0`)
  const sources = [...filesBelow(path.join(folder, 'native')), ...filesBelow(path.join(folder, 'src', 'library'))]
  for (const file of sources) hash.update(`${path.relative(folder, file)}\0`).update(readFileSync(file))
  return hash.digest('hex')
}

/** Whether nothing is to be compiled: it was tried with the same inputs, and what came of it is still there. */
export function areKernelsSettled(stateFile = defaultStateFile) {
  if (process.platform === 'win32' || process.env.FLEXGEN_NATIVE_LIBRARY) return true
  try {
    const { inputs, file } = JSON.parse(readFileSync(stateFile, 'utf8'))
    return inputs === inputsHash() && (file === undefined || existsSync(file))
  } catch {
    return false
  }
}

/**
 * Compiles the host kernels of `@flexgen/backend-native` where a C compiler is found, by the given Node. It is no failure
 * where there is none: then ONNX Runtime computes. Says what came of it.
 */
export async function compileKernels(node, say, stateFile = defaultStateFile) {
  const inputs = inputsHash()
  const { status, output } = await capture(node, [path.join(folder, 'scripts', 'compile.ts')])
  const result = readResult(status, output)
  // The reason of a failure may pass, such as a full disk: then the next command tries again.
  if (result.path !== undefined || compilersInPath().length === 0)
    writeFileSync(stateFile, JSON.stringify({ inputs, file: result.path }))
  if (result.seconds !== undefined)
    say(`compiled the host kernels in ${result.seconds.toFixed(1)} s with ${result.compiler}`)
  if (result.problem !== undefined) say(`${result.problem}: ONNX Runtime will compute\nhint: ${result.hint}`)
}

function readResult(status, output) {
  const line = output.split('\n').find((text) => text.startsWith('{'))
  if (status === 0 && line !== undefined) return JSON.parse(line)
  return { problem: 'the host kernels could not be compiled', hint: `see what was said: ${output.trim()}` }
}
