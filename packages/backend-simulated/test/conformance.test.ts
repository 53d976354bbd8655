import { createSimulation } from '../src/index.ts'
import { describeBackend, describeTier, type TestKit } from '@flexgen/conformance'
import { describe, it } from 'vitest'
import { gpuMachine, hostMachine } from './support/small-machines.ts'

/** Tests that look into bytes: a simulation has none. All others of the suites are for it, too. */
const aboutBytes = [
  /agrees? with (the oracle|a model in memory)/,
  /^Gather reads from a table of some rows only$/,
  /^Attention (stores|takes|goes on|works)/,
  /^a row of a batch gives what it gives alone$/,
  /^one kernel serves runs of any batch and length$/,
  /^host buffers are bound where they lie, or refused$/,
  /^a binding is changed from run to run$/,
  /^a span may be longer than its tensor$/,
  /^prepared weights need their spans no longer$/,
  /^positions of a cache row go through host pages of any size and come back$/,
  /^a queue copies what another queue brought, once it waits for it$/,
  /^copies and kernels of one queue see what was queued before them$/,
  /^queues that wait for each other carry many rounds through two slots$/,
  /^indices outside the table fail the run$/,
  /^positions and lengths that do not fit fail the run$/,
  /^a run that fails leaves memory as it was, and other queues and runs work on$/,
  /^several queues work side by side without mixing bytes$/,
  /^what one queue writes another reads once it waits for the event$/,
  // A task would move bytes: a simulated tier takes its time and does not call it.
  /^a queued task keeps its place in the order$/,
  /^the view of a region is its bytes where they lie; only RAM has one$/,
  /^extents (of files are read|beyond the end of a file)/,
]

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
