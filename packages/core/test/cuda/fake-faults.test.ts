import { describe, it } from 'vitest'
import { testFaults } from './faults.ts'
import { openTestedGpu } from './tested-gpu.ts'

testFaults({ describe, it }, await openTestedGpu(true))
