import { createNativeBackend } from '@flexgen/backend-native'
import { describe, expect, it } from 'vitest'
import { hasNative } from '../support/native-here.ts'
import { checkInvariance, invarianceVariants } from './check-invariance.ts'

describe.skipIf(!hasNative)('placement invariance on native', () => {
  it.each(invarianceVariants)(
    'gives the ids of everything on the device for 200 random policies, in $name',
    async (variant) => {
      await using backend = await createNativeBackend({ threads: 2 })
      await checkInvariance(backend, variant, 200)
      expect(backend.memory()).toMatchObject({ deviceBytes: 0, hostBytes: 0, preparedBytes: 0 })
    },
  )
})
