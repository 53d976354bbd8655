import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { BackendUnavailableError } from '@flexgen/spec'

/** How to get the library; its install script downloads GPU files, which this backend does not need. */
export const installHint =
  'install it with: ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node, or set ORT_LIBRARY to a libonnxruntime'

const namesOf: Readonly<Record<string, readonly string[]>> = {
  linux: ['libonnxruntime.so.1', 'libonnxruntime.so'],
  darwin: ['libonnxruntime.1.dylib', 'libonnxruntime.dylib'],
  win32: ['onnxruntime.dll'],
}

/**
 * Path of the ONNX Runtime library: the given one, else `ORT_LIBRARY`, else the one inside onnxruntime-node.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE` where there is none for this platform
 */
export function findLibrary(libraryPath: string | undefined = process.env['ORT_LIBRARY']): string {
  if (libraryPath !== undefined && libraryPath !== '') {
    if (existsSync(libraryPath)) return libraryPath
    throw new BackendUnavailableError(`there is no ONNX Runtime library at ${libraryPath}`, { hint: installHint })
  }
  const bin = path.join(packageFolder(), 'bin')
  const versions = existsSync(bin) ? readdirSync(bin) : []
  const folders = versions.map((version) => path.join(bin, version, process.platform, process.arch))
  const candidates = folders.flatMap((folder) =>
    (namesOf[process.platform] ?? []).map((name) => path.join(folder, name)),
  )
  const found = candidates.find((candidate) => existsSync(candidate))
  if (found !== undefined) return found
  throw new BackendUnavailableError(`onnxruntime-node has no library for ${process.platform} ${process.arch}`, {
    hint: 'set ORT_LIBRARY to a libonnxruntime that was built for this platform',
  })
}

function packageFolder(): string {
  try {
    return path.dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'))
  } catch (cause) {
    throw new BackendUnavailableError('the package onnxruntime-node is not installed', { hint: installHint, cause })
  }
}
