import { describe, expect, it } from 'vitest'
import { RunRecorder } from './run-recorder.ts'

const span = (queue: string, startMs: number, endMs: number, sizeBytes = 0, label = 'read') => ({
  queue,
  label,
  startMs,
  endMs,
  sizeBytes,
})

describe('what is recorded of a run', () => {
  it('is work by queue and phase, and one step cut to its time', () => {
    const recorder = new RunRecorder({ timelineToken: 1, batches: 1 })
    recorder.span(span('disk', 0, 100, 1000))
    recorder.begin(1000)
    recorder.span(span('disk', 1000, 1010, 5))
    recorder.span(span('disk', 1005, 1020, 5))
    recorder.endSweep(1, 1100)
    // Began in the sweep before, ends in this one.
    recorder.span(span('disk', 1090, 1110, 7))
    recorder.span(span('compute', 1110, 1150, 0, 'run mlp'))
    recorder.endSweep(2, 1160)
    recorder.span(span('compute', 1170, 1180, 0, 'run mlp'))
    recorder.end(1200)
    recorder.span(span('disk', 2000, 3000, 1))
    expect(recorder.queues).toEqual([
      { queue: 'disk', phase: 'prefill', busySeconds: 0.02, sizeBytes: 10 },
      { queue: 'disk', phase: 'decode', busySeconds: 0.02, sizeBytes: 7 },
      { queue: 'compute', phase: 'decode', busySeconds: 0.05, sizeBytes: 0 },
    ])
    expect(recorder.phaseSeconds).toEqual({ prefill: 0.1, decode: 0.1 })
    expect(recorder.timeline).toEqual({
      token: 1,
      durationMs: 60,
      spans: [span('disk', 0, 10, 7), span('compute', 10, 50, 0, 'run mlp')],
    })
  })

  it('is what crosses the link to the device by direction, copies of several queues at once counted once', () => {
    const recorder = new RunRecorder({ timelineToken: undefined, batches: 1 })
    recorder.begin(0)
    recorder.span(span('load weights', 0, 60, 600, 'copyIn'))
    recorder.endSweep(1, 100)
    recorder.span(span('load weights', 100, 150, 500, 'copyIn'))
    recorder.span(span('load cache', 140, 170, 200, 'copyToCache'))
    recorder.span(span('load weights', 190, 200, 100, 'copyIn'))
    recorder.span(span('store cache', 100, 110, 40, 'copyFromCache'))
    recorder.span(span('hidden', 105, 125, 20, 'copyOut'))
    // Within the device, and on a tier.
    recorder.span(span('compute', 100, 200, 1000, 'copy'))
    recorder.span(span('weights from RAM', 100, 200, 1000, 'read'))
    recorder.end(200)
    expect(recorder.deviceLinks).toEqual([
      { link: 'to device', phase: 'prefill', busySeconds: 0.06, sizeBytes: 600 },
      { link: 'to device', phase: 'decode', busySeconds: 0.08, sizeBytes: 800 },
      { link: 'from device', phase: 'decode', busySeconds: 0.025, sizeBytes: 60 },
    ])
  })

  it('are layer steps of decoding: all batches of a layer, the pause before them included', () => {
    const told: number[] = []
    const recorder = new RunRecorder({ timelineToken: undefined, batches: 2, onLayerStep: (steps) => told.push(steps) })
    recorder.begin(0)
    for (const endMs of [10, 20]) recorder.span(span('compute', endMs - 5, endMs, 0, 'run mlp'))
    recorder.endSweep(1, 100)
    for (const endMs of [110, 130, 135, 140]) recorder.span(span('compute', endMs - 2, endMs, 0, 'run mlp'))
    recorder.span(span('compute', 140, 145, 0, 'copyOut'))
    recorder.endSweep(2, 150)
    for (const endMs of [160, 170]) recorder.span(span('compute', endMs - 2, endMs, 0, 'run mlp'))
    recorder.end(180)
    expect(recorder.layerStepSeconds).toEqual([0.03, 0.01, 0.02])
    expect(told).toEqual([1, 2, 3])
    expect(recorder.timeline).toBeUndefined()
  })

  it('are one run each where the batches decode together', () => {
    const recorder = new RunRecorder({ timelineToken: undefined, batches: 4 })
    recorder.begin(0)
    recorder.endSweep(1, 100)
    const run = (label: string, endMs: number): void => recorder.span(span('compute', endMs - 2, endMs, 0, label))
    for (const [i, label] of ['embed', 'layer', 'layer', 'head'].entries()) run(`run ${label}`, 110 + 10 * i)
    recorder.endSweep(2, 150)
    // Where the host attends, a layer is a run before attention and one behind it.
    for (const endMs of [160, 170]) run('run embed', endMs)
    for (const endMs of [175, 180]) run('run layer.before', endMs)
    for (const endMs of [185, 190]) run('run layer.after', endMs)
    recorder.end(200)
    expect(recorder.layerStepSeconds).toEqual([0.01, 0.01, 0.01, 0.01, 0.02, 0.02])
  })
})
