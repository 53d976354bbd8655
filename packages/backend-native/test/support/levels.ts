import { FlexgenError } from '@flexgen/spec'
import { createNativeBackend } from '../../src/index.ts'

/** Instruction sets of this machine, the best first. */
export async function availableLevels(): Promise<string[]> {
  const levels: string[] = []
  for (const level of ['avx512-bf16', 'avx512', 'avx2', 'neon', 'portable']) {
    try {
      await using _ = await createNativeBackend({ level, threads: 1 })
      levels.push(level)
    } catch (error) {
      if (!(FlexgenError.isInstance(error) && error.code === 'BACKEND_UNAVAILABLE')) throw error
    }
  }
  return levels
}
