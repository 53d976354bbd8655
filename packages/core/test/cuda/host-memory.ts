// Times page-locked memory: node host-memory.ts GIGABYTES. How fast it comes, and how fast copies from it are.
import { createOnnxRuntimeCudaBackend } from '@flexgen/backend-onnxruntime'
import { type HostBuffer, type QueueEvent, spanOf } from '@flexgen/spec'

const regionBytes = 8_912_896
const count = Math.floor((Number(process.argv[2] ?? '8') * 1e9) / regionBytes)
await using backend = await createOnnxRuntimeCudaBackend()
const device = backend.allocate(regionBytes)
const [queueIn, queueOut] = [backend.createQueue('in'), backend.createQueue('out')]
const seconds = (sinceMs: number): number => (performance.now() - sinceMs) / 1000

const startMs = performance.now()
const regions: HostBuffer[] = Array.from({ length: count }, () => backend.allocateHost(regionBytes))
const allocated = seconds(startMs)
let last: QueueEvent | undefined
for (const region of regions) last = queueIn.copyIn(spanOf(device), spanOf(region))
await last!.whenDone()
const locked = seconds(startMs)
const rate = (time: number): number => (count * regionBytes) / 1e9 / time
const inMs = performance.now()
for (const region of regions) last = queueIn.copyIn(spanOf(device), spanOf(region))
await last!.whenDone()
const copiedIn = seconds(inMs)
const outMs = performance.now()
for (const region of regions) last = queueOut.copyOut(spanOf(region), spanOf(device))
await last!.whenDone()
const result = {
  device: backend.device.description,
  gigabytes: (count * regionBytes) / 1e9,
  allocateSeconds: allocated,
  /** Until all of it was page-locked and copied once. */
  lockedGigabytesPerSecond: rate(locked),
  copyInGigabytesPerSecond: rate(copiedIn),
  copyOutGigabytesPerSecond: rate(seconds(outMs)),
  notices: backend.notices,
}
process.stdout.write(`${JSON.stringify(result)}\n`)
for (const region of regions) backend.free(region)
