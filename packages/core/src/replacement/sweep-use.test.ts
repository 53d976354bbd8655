import { expect, it } from 'vitest'
import { SweepUseMeter } from './sweep-use.ts'

function span(queue: string, startMs: number, endMs: number, sizeBytes = 0) {
  return { queue, label: '', startMs, endMs, sizeBytes }
}

it('counts time that two queues of a link use at once only once, whatever comes first', () => {
  const meter = new SweepUseMeter(false)
  const trace = meter.trace(undefined)
  trace.span(span('attention in', 2000, 3000, 5))
  trace.span(span('load weights', 1000, 4000, 10))
  trace.span(span('load cache', 6000, 7000, 20))
  trace.span(span('compute', 0, 500))
  expect(meter.take()).toEqual({
    stream: { bytes: 35, busySeconds: 4 },
    host: { bytes: 0, busySeconds: 0 },
    device: { bytes: 0, busySeconds: 0.5 },
    chain: { bytes: 5, busySeconds: 1.5 },
    out: { bytes: 0, busySeconds: 0 },
  })
  expect(meter.take().stream).toEqual({ bytes: 0, busySeconds: 0 })
})

it('counts the device and attention on the host as one chain: once where they work at once', () => {
  const meter = new SweepUseMeter(false)
  const trace = meter.trace(undefined)
  trace.span(span('compute', 0, 1000))
  trace.span(span('attention out', 1000, 1100))
  trace.span(span('host attention', 1100, 2000))
  trace.span(span('compute', 1500, 2500))
  const { host, device, chain } = meter.take()
  expect([host, device, chain].map(({ busySeconds }) => busySeconds)).toEqual([0.9, 2, 2.5])
})

it('takes the disk for the link of a host, and passes spans on', () => {
  const meter = new SweepUseMeter(true)
  const seen: string[] = []
  const trace = meter.trace({ span: ({ queue }) => void seen.push(queue) })
  trace.span(span('weights read', 0, 1000, 10))
  trace.span(span('load weights', 0, 9000, 10))
  expect(meter.take().stream).toEqual({ bytes: 10, busySeconds: 1 })
  expect(seen).toEqual(['weights read', 'load weights'])
})
