import { doneEvent } from '@flexgen/spec'
import { type Defect, withKernel } from '../broken-backend.ts'

/** Memory. */
export const counting: readonly Defect[] = [
  [
    'free waits for nothing',
    ['a buffer freed after events stays until all have ended'],
    (backend) => ({ free: (buffer) => backend.free(buffer) }),
  ],
  [
    'free waits for good ends alone',
    ['what a cancelled queue has used is free once its events have ended'],
    (backend) => ({
      free: (buffer, ...after) => {
        let open = after.length
        for (const event of after)
          event.onSettled((error) => (error === undefined && --open === 0 ? backend.free(buffer) : undefined))
        if (open === 0 && after.length === 0) backend.free(buffer)
      },
    }),
  ],
  [
    'free frees nothing',
    [
      'buffers and caches are counted while they live',
      'a freed buffer is refused everywhere',
      'a freed host buffer shows its bytes no longer',
      'a freed cache is refused',
    ],
    () => ({ free: () => {} }),
  ],
  [
    'nothing is counted',
    ['buffers and caches are counted while they live'],
    (backend) => ({ memory: () => ({ ...backend.memory(), deviceBytes: 0 }) }),
  ],
  [
    'the peak is what is held now',
    ['what is held is told in whole bytes, and its peak never falls'],
    (backend) => ({ memory: () => ({ ...backend.memory(), peakDeviceBytes: backend.memory().deviceBytes }) }),
  ],
  [
    'what was refused is counted',
    ['memory that the system refuses is an error and counts nothing'],
    (backend) => {
      let lostBytes = 0
      return {
        allocate: (byteLength) => {
          lostBytes += byteLength
          const buffer = backend.allocate(byteLength)
          lostBytes -= byteLength
          return buffer
        },
        memory: () => ({ ...backend.memory(), deviceBytes: backend.memory().deviceBytes + lostBytes }),
      }
    },
  ],
  [
    'prepared weights are not counted',
    ['a prepared kernel counts what it holds until it is disposed'],
    (backend) => ({ memory: () => ({ ...backend.memory(), preparedBytes: 0 }) }),
  ],
  [
    'the estimate shrinks',
    ['the estimate of a run’s workspace is a size that does not shrink with the run'],
    withKernel(() => ({ workspaceBytes: ({ batch, seq }) => 1000 - batch * seq })),
  ],
  [
    'the estimate is nothing',
    ['a run needs no more memory than its estimate'],
    withKernel(() => ({ workspaceBytes: () => 0 })),
  ],
  [
    'limits are not kept',
    [
      'allocations beyond the limit are refused until it is raised',
      'a prepared kernel beyond the limit is refused and holds nothing',
      'a limit below what is held fails and names the least, or settles once memory is given back',
      'a run keeps the limit or fails, and runs once the limit is raised',
      'memory limits that are no sizes are refused',
    ],
    () => ({ setMemoryLimit: () => doneEvent }),
  ],
  [
    'host memory is dirty',
    ['host memory is filled with zeros'],
    (backend) => ({
      allocateHost: (size) => {
        const buffer = backend.allocateHost(size)
        buffer.bytes.fill(1)
        return buffer
      },
    }),
  ],
]
