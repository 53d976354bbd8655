import { createSimulation } from '../src/index.ts'
import { describeBackend, describeTier, type TestKit } from '@flexgen/conformance'
import { describe, it } from 'vitest'
import { aboutBytes } from './support/about-bytes.ts'
import { gpuMachine, hostMachine } from './support/small-machines.ts'

const register: TestKit['it'] = it

const kit: TestKit = {
  describe,
  it: (title, body) => (aboutBytes.some((pattern) => pattern.test(title)) ? undefined : register(title, body)),
}

for (const hardware of [hostMachine, gpuMachine]) {
  describeBackend(`simulated on ${hardware.name}`, async () => createSimulation({ hardware }).backend, kit)
}
describeBackend('simulated beside a gpu', async () => createSimulation({ hardware: gpuMachine }).host!, kit)
describeTier('simulated RAM', async () => createSimulation({ hardware: hostMachine }).ram, kit)
describeTier('simulated disk', async () => createSimulation({ hardware: hostMachine }).disk, kit)
