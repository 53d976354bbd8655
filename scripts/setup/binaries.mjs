import { existsSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { capture } from './capture.mjs'
import { installBinary } from './install-binary.mjs'
import { binFolder, cache, nodeFile, pnpmFile } from './paths.mjs'
import { SetupError } from './setup-error.mjs'
import { nodePackages, pnpmPackage } from './versions.mjs'

const platform = `${process.platform}-${process.arch}`
const isMusl = () => process.platform === 'linux' && !process.report.getReport().header.glibcVersionRuntime

const folderOf = (packageAtVersion) => packageAtVersion.replace('@pnpm/exe.', 'pnpm-').replace('@', '-')

const sizeOf = (file) => (existsSync(file) ? statSync(file).size : -1)

/** Whether a binary is there in the size that it had when it was last seen to work. */
export const isWhole = (binary) => binary !== undefined && binary.sizeBytes === sizeOf(binary.file)

async function ensure(command, packageAtVersion, fileInside, known) {
  const folder = folderOf(packageAtVersion)
  const file = path.join(cache, folder, fileInside)
  if (known?.file !== file || !isWhole(known)) {
    await installBinary(folder, packageAtVersion)
    const { status, output } = await capture(file, ['--version'])
    if (status !== 0) {
      throw new SetupError('CANNOT_RUN', `${packageAtVersion} does not run here`, 'see its output below', output)
    }
  }
  linkCommand(command, file)
  return { file, sizeBytes: sizeOf(file) }
}

function linkCommand(name, file) {
  mkdirSync(binFolder, { recursive: true })
  const link = path.join(binFolder, name)
  if (process.platform === 'win32') return writeFileSync(`${link}.cmd`, `@"${file}" %*\r\n`)
  // By way of another name, since somebody may be using the old link.
  rmSync(`${link}.new`, { force: true })
  symlinkSync(path.relative(binFolder, file), `${link}.new`)
  renameSync(`${link}.new`, link)
}

/** Installs pnpm where it is missing or not as `known`; resolves with its file and size. */
export function ensurePnpm(known) {
  return ensure('pnpm', pnpmPackage(platform, isMusl() ? '-musl' : ''), pnpmFile, known)
}

/** The same for Node. Where npm has none, a running Node 24 or newer does. */
export async function ensureNode(known) {
  if (nodePackages[platform] && !isMusl()) return ensure('node', nodePackages[platform], nodeFile, known)
  if (Number(process.versions.node.split('.')[0]) < 24) {
    const hint = 'install Node 24 or newer yourself and run again'
    throw new SetupError('NO_NODE', `npm has no Node 24 for ${platform}${isMusl() ? ' with musl' : ''}`, hint)
  }
  linkCommand('node', process.execPath)
  return { file: process.execPath, sizeBytes: sizeOf(process.execPath) }
}
