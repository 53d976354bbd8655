import { describe, it } from 'vitest'
import { createFakeBackend, fakeDeviceBytes } from './fake-backend.ts'
import { testLimits } from './limits.ts'

const driverBytes = await fakeDeviceBytes()
testLimits({ describe, it }, createFakeBackend, 'float32', driverBytes)
