import { BackendUnavailableError, NotFoundError } from '@flexgen/spec'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import type { FlexLlmGenPlace } from './flexllmgen-side.ts'

const run = promisify(execFile)

const test = "import sys, torch; sys.exit('no CUDA GPU for PyTorch') if not torch.cuda.is_available() else None"

/**
 * Sees that the original could run, before anything is measured.
 * @throws {NotFoundError} where the folder is no checkout
 * @throws {BackendUnavailableError} where Python, PyTorch or the GPU is missing
 */
export async function checkFlexLlmGen({ folder, python = 'python3' }: FlexLlmGenPlace): Promise<void> {
  if (!existsSync(path.join(folder, 'flexllmgen', 'flex_opt.py'))) {
    throw new NotFoundError('FILE_NOT_FOUND', `there is no flexllmgen/flex_opt.py in ${folder}`, {
      hint: 'git clone https://github.com/FMInference/FlexLLMGen, and name the folder with --flexllmgen',
    })
  }
  try {
    await run(python, ['-c', test])
  } catch (error) {
    const { code, stderr = '' } = error as { code?: unknown; stderr?: string }
    const last = stderr.trim().split('\n').at(-1)
    const why = code === 'ENOENT' ? `there is no ${python}` : last || String(error)
    throw new BackendUnavailableError(`FlexLLMGen cannot run here: ${why}`, {
      hint: 'it needs an NVIDIA GPU and Python with torch, numpy and tqdm; name another Python with --python',
      cause: error,
    })
  }
}
