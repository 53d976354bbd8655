import { createNativeBackend } from '@flexgen/backend-native'
import { describe, expect, it } from 'vitest'
import { hasNative } from '../support/native-here.ts'
import { checkInvariance, invarianceVariants } from './check-invariance.ts'

// More, and on every instruction set, in placement-invariance.long.test.ts.
describe.skipIf(!hasNative)('placement invariance on native', () => {
  it.each(invarianceVariants)(
    'gives the ids of everything on the device for 50 random policies, in $name',
    async (variant) => {
      await using backend = await createNativeBackend({ threads: 2 })
      await checkInvariance(backend, variant, 50)
      expect(backend.memory()).toMatchObject({ deviceBytes: 0, hostBytes: 0, preparedBytes: 0 })
    },
  )
})
