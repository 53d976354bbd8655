import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ensureNode, ensurePnpm, isWhole } from './binaries.mjs'
import { areKernelsSettled, compileKernels, compilersInPath } from './host-kernels.mjs'
import { withLock } from './lock.mjs'
import { inputsHash, installPackages, isInstalled } from './packages.mjs'
import { cache, useNode } from './paths.mjs'

const stateFile = path.join(cache, 'state.json')

const say = (text) => process.stderr.write(`flexgen: ${text}\n`)

function readState() {
  try {
    const { node, pnpm, inputs } = JSON.parse(readFileSync(stateFile, 'utf8'))
    const absolute = (binary) => ({ ...binary, file: path.resolve(cache, binary.file) })
    return { node: absolute(node), pnpm: absolute(pnpm), inputs }
  } catch {
    return {}
  }
}

function isReady({ node, pnpm, inputs }) {
  return isWhole(node) && isWhole(pnpm) && inputs === inputsHash() && isInstalled()
}

async function install() {
  const known = readState()
  const startedMs = Date.now()
  removeLeftovers()
  say('setting up Node, pnpm and the dependencies in this checkout')
  // The long ones side by side: Node, with which the host kernels are compiled, and pnpm with all packages. Both are
  // awaited even if one fails: nothing may go on writing after the lock is given back.
  const nodeAndKernels = ensureNode(known.node).then(async (node) => {
    if (!areKernelsSettled()) await compileKernels(node.file, say)
    return node
  })
  const pnpmAndPackages = ensurePnpm(known.pnpm).then(async (pnpm) => {
    await installPackages(pnpm.file)
    return pnpm
  })
  const results = await Promise.allSettled([nodeAndKernels, pnpmAndPackages])
  const failure = results.find(({ status }) => status === 'rejected')
  if (failure) throw failure.reason
  const [node, pnpm] = results.map(({ value }) => value)
  // Relative paths: a checkout may be moved or copied with its cache.
  const relative = (binary) => ({ ...binary, file: path.relative(cache, binary.file) })
  writeFileSync(stateFile, JSON.stringify({ node: relative(node), pnpm: relative(pnpm), inputs: inputsHash() }))
  say(`ready after ${((Date.now() - startedMs) / 1000).toFixed(1)} s`)
}

/** Removes what runs that were cut off left behind, as far as nobody is still writing there. */
function removeLeftovers() {
  for (const name of readdirSync(cache).filter((name) => name.startsWith('staging-'))) {
    try {
      rmSync(path.join(cache, name), { recursive: true, force: true })
    } catch {
      // The next set-up gets another try.
    }
  }
}

/** Sets up what is not there; only the host kernels where their sources or the compiler are new. */
async function complete() {
  if (!isReady(readState())) return install()
  if (areKernelsSettled()) return
  if (compilersInPath().length > 0) say('compiling the host kernels')
  await compileKernels(readState().node.file, say)
}

/** Makes sure that Node, pnpm, all dependencies and the host kernels are there; quick and silent when they are. */
export async function setUp() {
  if (!isReady(readState()) || !areKernelsSettled()) {
    mkdirSync(cache, { recursive: true })
    const onWait = () => say('waiting for another process that is setting up this checkout')
    await withLock(path.join(cache, 'lock'), onWait, complete)
  }
  useNode(readState().node.file)
}
