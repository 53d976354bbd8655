import { expect, it } from 'vitest'
import { type DecodeTimes, rateOnDevice, ratesOnHost } from './decode-rates.ts'

const stageSeconds = 1e-5

/** Steps over 1 and 8 MB a sequence that take what the model says. */
function decodeTimes(dtype: 'float16' | 'q4g64', sequences: number, perByte: number, rowSeconds: number): DecodeTimes {
  const read = (bytes: number) => ({ bytes, seconds: stageSeconds + sequences * rowSeconds + bytes * perByte })
  return { dtype, sequences, short: read(sequences * 1e6), long: read(sequences * 8e6), spread: 0.1 }
}

it('a device carries what beginning a step costs in the bytes of steps of usual length', () => {
  const rate = rateOnDevice({
    dtype: 'float16',
    sequences: 8,
    short: { bytes: 1e6, seconds: 3e-5 },
    long: { bytes: 8e6, seconds: 3.3e-5 },
    spread: 0.2,
  })
  // The line through both would have 2.3 TB/s.
  expect(rate).toEqual({ dtype: 'float16', sequences: 8, bytesPerSecond: 9e6 / 6.3e-5, spread: 0.2 })
})

it('a host gets back the speeds and the cost of a sequence that its steps were made of', () => {
  const decodes = [1, 4, 32].map((sequences) => decodeTimes('float16', sequences, 1e-11, 2e-6))
  const { rates, rowSeconds } = ratesOnHost(decodes, 'float16', stageSeconds)
  expect(rowSeconds).toBeCloseTo(2e-6, 9)
  for (const { bytesPerSecond } of rates) expect(bytesPerSecond / 1e11).toBeCloseTo(1, 6)
})

it('what one sequence alone costs is no measure of many', () => {
  const decodes = [
    decodeTimes('float16', 1, 1e-11, 50e-6),
    ...[4, 8].map((n) => decodeTimes('float16', n, 1e-11, 2e-6)),
  ]
  expect(ratesOnHost(decodes, 'float16', stageSeconds).rowSeconds).toBeCloseTo(2e-6, 9)
})

it('a dtype whose sequences cost more has that in its rate, so that long steps take what they took', () => {
  const decodes = [decodeTimes('float16', 1, 1e-11, 2e-6), decodeTimes('q4g64', 8, 4e-12, 9e-6)]
  const { rates, rowSeconds } = ratesOnHost(decodes, 'float16', stageSeconds)
  const { long } = decodes[1]!
  expect(stageSeconds + 8 * rowSeconds + long.bytes / rates[1]!.bytesPerSecond).toBeCloseTo(long.seconds, 9)
})

it('noise never makes a speed without a time', () => {
  const decode: DecodeTimes = {
    dtype: 'float16',
    sequences: 1,
    short: { bytes: 1e6, seconds: 3e-5 },
    long: { bytes: 8e6, seconds: 2e-5 },
    spread: 0.1,
  }
  const { rates, rowSeconds } = ratesOnHost([decode], 'float16', stageSeconds)
  expect(rowSeconds).toBeGreaterThanOrEqual(0)
  expect(rates[0]!.bytesPerSecond).toBeGreaterThan(0)
  // Sequences cost all of the shorter step but its call at most.
  expect(rowSeconds).toBeCloseTo(2e-5, 9)
  expect(rates[0]!.bytesPerSecond).toBeLessThanOrEqual(8e6 / (0.3 * 2e-5) + 1)
})
