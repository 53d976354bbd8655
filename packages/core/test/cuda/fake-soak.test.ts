import { describe, it } from 'vitest'
import { testSoak } from './soak.ts'
import { openTestedGpu } from './tested-gpu.ts'

testSoak({ describe, it }, await openTestedGpu(true), 600)
