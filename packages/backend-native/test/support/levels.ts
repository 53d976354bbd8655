import { isAvailable } from '@flexgen/conformance'
import { FlexgenError } from '@flexgen/spec'
import { createNativeBackend } from '../../src/index.ts'

/** Whether the host kernels work here; where not, the reason is printed, and all tests of them are to be skipped. */
export const hasNative: boolean = await isAvailable('native', () => createNativeBackend({ threads: 1 }))

/** Instruction sets of this machine, the best first; one of them where there is none, so that skipped tests are counted. */
export async function availableLevels(): Promise<string[]> {
  if (!hasNative) return ['portable']
  const levels: string[] = []
  for (const level of ['amx', 'avx512-bf16', 'avx512', 'avx2', 'neon', 'portable']) {
    try {
      await using _ = await createNativeBackend({ level, threads: 1 })
      levels.push(level)
    } catch (error) {
      if (!(FlexgenError.isInstance(error) && error.code === 'BACKEND_UNAVAILABLE')) throw error
    }
  }
  return levels
}
