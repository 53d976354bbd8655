import { expect, it, vi } from 'vitest'
import { createNativeBackend } from '../create-native-backend.ts'
import { examineHostKernels } from './examine-library.ts'
import { findCompiler } from './find-compiler.ts'

it.skipIf(findCompiler() === undefined)(
  'lists the levels of this processor, first the one that is taken',
  async () => {
    vi.stubEnv('FLEXGEN_NATIVE_LEVEL', '')
    const { levels, missingLevels, origin } = await examineHostKernels()
    await using backend = await createNativeBackend({ threads: 1 })
    expect(backend.notices).toEqual([`host kernels for ${levels[0]}, library ${origin}`])
    expect(levels.at(-1)).toBe('portable')
    expect([...levels, ...missingLevels].toSorted()).toEqual([
      'amx',
      'avx2',
      'avx512',
      'avx512-bf16',
      'neon',
      'portable',
    ])
    for (const level of missingLevels) {
      await expect(createNativeBackend({ level })).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
    }
    vi.unstubAllEnvs()
  },
  120_000,
)
