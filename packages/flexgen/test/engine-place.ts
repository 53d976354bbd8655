import { createReferenceBackend } from '@flexgen/backend-reference'
import type { Backend } from '@flexgen/spec'
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

/** A backend and an offload directory of one test, which tell what is left of an engine. */
export interface EnginePlace extends AsyncDisposable {
  readonly backend: Backend
  readonly offloadDir: string
  /** Bytes that the backend still holds, subfolders of runs, and open files of models. */
  left(): { readonly bytes: number; readonly folders: readonly string[]; readonly files: readonly string[] }
}

/** What `left` gives where nothing is left. */
export const nothing: ReturnType<EnginePlace['left']> = { bytes: 0, folders: [], files: [] }

/** Makes a reference backend and an empty folder; dispose removes both. */
export function createEnginePlace(): EnginePlace {
  const backend = createReferenceBackend()
  const offloadDir = mkdtempSync(path.join(tmpdir(), 'flexgen-front-door-'))
  return {
    backend,
    offloadDir,
    left: () => {
      const { deviceBytes, hostBytes, preparedBytes, workspaceBytes } = backend.memory()
      return {
        bytes: deviceBytes + hostBytes + preparedBytes + workspaceBytes,
        folders: readdirSync(offloadDir),
        files: openModelFiles(),
      }
    },
    [Symbol.asyncDispose]: async () => {
      await backend[Symbol.asyncDispose]()
      rmSync(offloadDir, { recursive: true, force: true })
    },
  }
}

/** Weight and scratch files that this process has open; none where the system does not tell. */
function openModelFiles(): string[] {
  const folder = '/proc/self/fd'
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .map((name) => {
      try {
        return readlinkSync(path.join(folder, name))
      } catch {
        return ''
      }
    })
    .filter((file) => /\.(safetensors|bin)\b/.test(file))
}
