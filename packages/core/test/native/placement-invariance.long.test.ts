import { createNativeBackend, examineHostKernels } from '@flexgen/backend-native'
import { describe, expect, it } from 'vitest'
import { hasNative } from '../support/native-here.ts'
import { checkInvariance, invarianceVariants } from './check-invariance.ts'

const levels = hasNative ? (await examineHostKernels()).levels : ['portable']

describe.skipIf(!hasNative).each(levels)('placement invariance on native for %s', (level) => {
  it.each(invarianceVariants)(
    'holds for 200 random policies and one thread more than cores, in $name',
    async (variant) => {
      await using backend = await createNativeBackend({ threads: 3, level })
      await checkInvariance(backend, variant, 200)
      expect(backend.memory()).toMatchObject({ deviceBytes: 0, hostBytes: 0, preparedBytes: 0 })
    },
  )
})
