// Runs on a machine with an NVIDIA GPU: node main.ts [--only conformance,models,soak,faults]. Without a GPU it says so and
// has tested nothing; --fake takes a driver whose device memory is host memory instead, which needs a C compiler.
import { describe, it } from 'node:test'
import { parseArgs } from 'node:util'
import type { TestKit } from '@flexgen/conformance'
import { FlexgenError } from '@flexgen/spec'
import { testConformance } from './conformance.ts'
import { testFaults } from './faults.ts'
import { testLimits } from './limits.ts'
import { testModels } from './models.ts'
import { testSoak } from './soak.ts'
import { openTestedGpu, type TestedGpu } from './tested-gpu.ts'

/**
 * Most seconds of each part on a GPU, two to three times what they take on an H100 beside nothing else. Faults come last: they
 * are hardest on the driver.
 */
const seconds = { conformance: 120, models: 400, soak: 150, faults: 120 } as const
type Part = keyof typeof seconds
const names = Object.keys(seconds) as Part[]
/** The fake GPU computes on the CPU, and most likely shares it. */
const fakeFactor = 20

const { values } = parseArgs({ options: { only: { type: 'string' }, fake: { type: 'boolean', default: false } } })
const isFake = values.fake
const wanted = values.only?.split(',') ?? names
const unknown = wanted.filter((name) => !names.includes(name as Part))
if (unknown.length > 0) throw new RangeError(`there is no part ${unknown.join(', ')}: ${names.join(', ')}`)

const parts: Readonly<Record<Part, (kit: TestKit, gpu: TestedGpu) => void>> = {
  conformance: testConformance,
  models: (kit, { createBackend }) =>
    testModels({
      ...kit,
      createBackend,
      dtypes: isFake ? ['float32', 'float16'] : ['float16', 'bfloat16', 'float32'],
      // A run takes 0.3 s on a GPU; float16 is what people run.
      policies: { float16: 100, bfloat16: 25, float32: 25 },
    }),
  soak: (kit, gpu) => testSoak(kit, gpu, 5000),
  faults: (kit, gpu) => {
    testFaults(kit, gpu)
    testLimits(kit, gpu.createBackend, isFake ? 'float32' : 'float16')
  },
}

/** The GPU; undefined, and said why, where there is none. */
async function open(): Promise<TestedGpu | undefined> {
  try {
    return await openTestedGpu(isFake)
  } catch (error) {
    if (!FlexgenError.isInstance(error) || error.code !== 'BACKEND_UNAVAILABLE') throw error
    process.stdout.write(`test:cuda was skipped, nothing was tested: ${error.message}\nhint: ${error.hint}\n`)
    return undefined
  }
}

/** Tests that ran out of time go on behind the scenes, and would keep the process: it ends in any case. */
function endInTime(mostSeconds: number): void {
  const end = (): void => {
    process.stderr.write(`test:cuda ran out of time after ${mostSeconds} s\n`)
    process.exit(1)
  }
  setTimeout(end, mostSeconds * 1000).unref()
}

const gpu = await open()
if (gpu !== undefined) {
  process.stdout.write(`# ${gpu.description}\n`)
  for (const name of names.filter((part) => wanted.includes(part))) {
    const timeout = seconds[name] * 1000 * (isFake ? fakeFactor : 1)
    void describe(name, { timeout }, () => parts[name]({ describe, it }, gpu))
  }
  const sum = wanted.reduce((total, name) => total + seconds[name as Part], 0)
  endInTime(sum * (isFake ? fakeFactor : 1) + 60)
}
