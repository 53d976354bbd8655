import { describe, it } from 'vitest'
import { createFakeBackend } from './fake-backend.ts'
import { testLimits } from './limits.ts'

testLimits({ describe, it }, createFakeBackend, 'float32')
