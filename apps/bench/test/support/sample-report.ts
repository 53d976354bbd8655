import { settingsOf } from '../../src/case/case-settings.ts'
import type { Measurement, PlacedKind } from '../../src/measure/measurement.ts'
import type { BenchReport } from '../../src/report/bench-report.ts'
import { buildReport, type ReportParts } from '../../src/report/build-report.ts'
import type { Outcome } from '../../src/run/outcome.ts'
import type { ResultLine } from '../../src/run/results-file.ts'
import type { Side } from '../../src/run/side.ts'

const placed: PlacedKind = {
  requested: { device: 0, ram: 25, disk: 75 },
  realised: { device: 0, ram: 24, disk: 76 },
  bytes: { device: 0, ram: 24, disk: 76 },
}

/** A measurement with round figures: 2 prompts of 10 tokens, 5 new tokens. */
export const sampleMeasurement: Measurement = {
  backend: 'reference',
  device: 'a <device>',
  notices: ['fell back'],
  sizes: { decoderLayers: 2, hiddenSize: 8, vocabularySize: 50 },
  work: { prompts: 2, promptTokens: 10, newTokens: 5, blockPrompts: 2 },
  loadSeconds: 0.5,
  prefillSeconds: 1,
  decodeSeconds: 4,
  projected: false,
  phaseSeconds: { prefill: 1, decode: 4 },
  sweepSeconds: [1, 1, 1, 1, 1],
  peakDeviceBytes: 100,
  peakRamBytes: 200,
  peakDiskBytes: 300,
  plan: { ramBytes: { weightStaging: 150, total: 250 }, deviceBytes: 100, diskBytes: 300 },
  placement: { weights: placed, cache: placed, activations: placed },
  disk: [
    { phase: 'decode', read: { weights: 4e9, cache: 0, hidden: 0 }, written: { weights: 0, cache: 0, hidden: 0 } },
  ],
  queues: [
    { queue: 'weights read', phase: 'decode', busySeconds: 3, sizeBytes: 4e9 },
    { queue: 'compute', phase: 'decode', busySeconds: 2, sizeBytes: 0 },
  ],
  timeline: {
    token: 2,
    durationMs: 1000,
    spans: [
      { queue: 'weights read', label: 'read', startMs: 0, endMs: 700, sizeBytes: 1e9 },
      { queue: 'compute', label: 'run mlp', startMs: 300, endMs: 900, sizeBytes: 0 },
    ],
  },
  memory: [
    { atMs: 1000, deviceBytes: 50, hostBytes: 100, diskBytes: 0 },
    { atMs: 2000, deviceBytes: 100, hostBytes: 100, diskBytes: 300 },
  ],
}

/** Sides of the sample: ours, a foreign one, and one that fails. */
export const sampleSides: readonly Side[] = [
  { kind: 'flexgen', title: 'opt: ours', command: 'flexgen bench --model opt', settings: settingsOf({ model: 'opt' }) },
  { kind: 'command', title: 'theirs', command: 'their "best" <way>, really' },
  { kind: 'flexgen', title: 'opt: large', command: 'flexgen bench --model large', settings: settingsOf({}) },
]

function ran(prefillSeconds: number, decodeSeconds: number, rss: number, measurement?: Measurement): Outcome {
  return {
    ok: true,
    repetition: {
      startedAt: '2026-11-20T10:00:00.000Z',
      wallSeconds: prefillSeconds + decodeSeconds + 1,
      prefillSeconds,
      decodeSeconds,
      decodeTokensPerSecond: 8 / decodeSeconds,
      processMemory: {
        peakRssBytes: rss,
        peakAnonymousBytes: rss / 2,
        samples: [{ atMs: 900, rssBytes: rss, anonymousBytes: rss / 2 }],
      },
      ...(measurement !== undefined && {
        prefillTokensPerSecond: 20 / prefillSeconds,
        totalTokensPerSecond: 10 / (prefillSeconds + decodeSeconds),
        measurement: { ...measurement, prefillSeconds, decodeSeconds },
      }),
    },
  }
}

/** Three repetitions of two sides, and a failure. */
export const sampleResults: readonly ResultLine[] = [
  { side: 0, repetition: 0, sitting: 0, outcome: ran(1, 4, 1000, sampleMeasurement) },
  { side: 1, repetition: 0, sitting: 0, outcome: ran(2, 8, 4000) },
  { side: 0, repetition: 1, sitting: 0, outcome: ran(2, 2, 2000, sampleMeasurement) },
  { side: 1, repetition: 1, sitting: 0, outcome: ran(2, 10, 4000) },
  { side: 0, repetition: 2, sitting: 0, outcome: ran(1, 5, 3000, sampleMeasurement) },
  { side: 1, repetition: 2, sitting: 0, outcome: ran(3, 16, 5000) },
]

/** Builds the sample's report. */
export function sampleReport(changes: Partial<ReportParts> = {}): BenchReport {
  return buildReport({
    title: 'sample & test',
    machine: {
      platform: 'linux x64',
      processor: 'a processor',
      cores: 2,
      memoryBytes: 8e9,
      nodeVersion: 'v24.0.0',
      flexgenVersion: '0.1.0',
    },
    settings: { repeat: 3, warmUp: 1, warmUpTokens: 0 },
    sides: sampleSides,
    links: [
      { link: 'disk read', direct: false, bytesPerSecond: 2e9 },
      { link: 'disk read', direct: true, bytesPerSecond: 1e9 },
    ],
    results: sampleResults,
    failures: new Map([[2, { code: 'INFEASIBLE', message: 'too <large>', hint: 'less' }]]),
    ...changes,
  })
}
