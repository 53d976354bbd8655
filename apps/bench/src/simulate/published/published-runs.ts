/** Speeds of the disk that a run of the paper had, in bytes a second. */
export interface DiskSpeeds {
  readonly read: number
  readonly write: number
}

/** A published run and how it is simulated. */
export interface PublishedRun {
  readonly table: 'throughput' | 'ablation' | 'disk'
  readonly model: 'opt-6.7b' | 'opt-30b' | 'opt-175b'
  /** What the run is, within its table. */
  readonly title: string
  readonly isFourBit: boolean
  /** Generated tokens a second, prefill included; undefined where it ran out of memory. */
  readonly tokensPerSecond: number | undefined
  /** Flags of the simulated run. */
  readonly flags: string
  /** Positions of a KV page on disk, where not the default. */
  readonly pagePositions?: number
  readonly disk?: DiskSpeeds
}

interface Policy {
  readonly prompt: number
  readonly newTokens: number
  readonly split: string
}

const lengths = ['256/32', '512/32', '1024/32', '128/128', '512/8'] as const

/** Batch splits by length; those of 128/128 and 512/8 are not published: the nearest length's are taken. */
type Splits = readonly [string, string, string]

function policiesOf([of256, of512, of1024]: Splits): Policy[] {
  return lengths.map((length) => {
    const [prompt, newTokens] = length.split('/').map(Number) as [number, number]
    return { prompt, newTokens, split: prompt < 512 ? of256 : prompt === 512 ? of512 : of1024 }
  })
}

function throughputRuns(
  model: PublishedRun['model'],
  options: {
    readonly isFourBit: boolean
    readonly common: string
    readonly splits: Splits
    readonly published: readonly number[]
    readonly pagePositions?: readonly number[]
  },
): PublishedRun[] {
  const { isFourBit, common, splits, published, pagePositions } = options
  return policiesOf(splits).map(({ prompt, newTokens, split }, i) => ({
    table: 'throughput',
    model,
    title: lengths[i]!,
    isFourBit,
    tokensPerSecond: published[i]!,
    flags: `--prompt-len ${prompt} --gen-len ${newTokens} ${common} ${split}`,
    ...(pagePositions !== undefined && { pagePositions: pagePositions[i]! }),
  }))
}

const fewer = '--debug-mode fewer_batch'
const onDevice = '--percent 100 0 100 0 100 0 --overlap false'
const batches = (size: number, count: number): string => `--gpu-batch-size ${size} --num-gpu-batches ${count}`

/** Paper tables 2 and 13 to 18: generation throughput on one T4. */
const throughput: readonly PublishedRun[] = [
  ...throughputRuns('opt-6.7b', {
    isFourBit: false,
    common: onDevice,
    splits: [batches(4, 1), batches(2, 1), batches(1, 1)],
    published: [53.29, 25.26, 13.72, 106.404, 16.425],
  }),
  ...throughputRuns('opt-6.7b', {
    isFourBit: true,
    common: `${onDevice} --compress-weight --compress-cache`,
    splits: [batches(128, 1), batches(72, 1), batches(28, 1)],
    published: [56.72, 29.12, 13.18, 92.568, 14.244],
  }),
  ...throughputRuns('opt-30b', {
    isFourBit: false,
    common: `--cpu-cache-compute ${fewer}`,
    splits: [
      `--percent 10 90 0 100 0 100 ${batches(160, 2)}`,
      `--percent 20 80 0 100 0 100 ${batches(48, 3)}`,
      `--percent 4 96 0 100 0 100 ${batches(20, 4)}`,
    ],
    published: [16.01, 7.32, 3.5, 24.634, 3.938],
  }),
  ...throughputRuns('opt-30b', {
    isFourBit: true,
    common: `--percent 0 100 0 100 0 100 --compress-cache ${fewer}`,
    splits: [batches(128, 8), batches(64, 8), batches(20, 12)],
    published: [16.86, 8.7, 3.98, 39.141, 4.019],
  }),
  ...throughputRuns('opt-175b', {
    isFourBit: false,
    common: `--percent 0 50 0 0 0 100 --cpu-cache-compute ${fewer}`,
    // The blocks of the paper, 512 and 256 sequences, in smaller GPU batches: 64 and 32 at once do not fit the device.
    splits: [batches(32, 16), batches(16, 16), batches(12, 12)],
    published: [1.36, 0.69, 0.35, 2.409, 0.451],
    pagePositions: [8, 16, 16, 8, 16],
  }),
  ...throughputRuns('opt-175b', {
    isFourBit: true,
    common: `--percent 0 100 0 100 0 100 --compress-weight --compress-cache ${fewer}`,
    splits: [batches(96, 3), batches(48, 3), batches(12, 4)],
    published: [2.26, 1.12, 0.42, 4.264, 0.559],
  }),
]

const lengths512 = `--prompt-len 512 --gen-len 32 ${fewer}`
const in30b = `${lengths512} ${batches(48, 3)}`
const in175b = `${lengths512} ${batches(16, 16)}`
const best30b = '--percent 20 80 0 100 0 100 --cpu-cache-compute'
const best175b = '--percent 0 50 0 0 0 100 --cpu-cache-compute'

function ablation(
  model: PublishedRun['model'],
  rows: readonly (readonly [title: string, published: number | undefined, flags: string])[],
): PublishedRun[] {
  return rows.map(([title, tokensPerSecond, flags]) => ({
    table: 'ablation',
    model,
    title,
    isFourBit: false,
    tokensPerSecond,
    flags,
    ...(model === 'opt-175b' && { pagePositions: 16 }),
  }))
}

/** Paper tables 4 and 23: one technique less at a time, prompts of 512 and 32 new tokens. */
const ablations: readonly PublishedRun[] = [
  ...ablation('opt-30b', [
    ['all', 7.32, `${in30b} ${best30b}`],
    ['no policy search', 7.26, `${in30b} --percent 0 100 0 100 0 100 --cpu-cache-compute`],
    ['no overlap', 5.86, `${in30b} ${best30b} --overlap false`],
    ['no CPU compute', 4.03, `${in30b} --percent 20 80 0 100 0 100`],
    ['no disk', 7.32, `${in30b} ${best30b}`],
    ['DeepSpeed policy', 1.57, `${lengths512} --percent 0 100 100 0 100 0 ${batches(8, 1)}`],
  ]),
  ...ablation('opt-175b', [
    ['all', 0.69, `${in175b} ${best175b}`],
    ['no policy search', 0.27, `${lengths512} ${best175b} ${batches(32, 1)}`],
    ['no overlap', 0.59, `${in175b} ${best175b} --overlap false`],
    ['no CPU compute', 0.62, `${in175b} --percent 0 50 0 0 0 100`],
    ['no disk', undefined, `${in175b} --percent 0 100 0 100 0 100 --cpu-cache-compute`],
    ['DeepSpeed policy', 0.01, `${lengths512} --percent 0 0 100 0 100 0 ${batches(2, 1)}`],
  ]),
]

/** Paper table 24: two disks, with and without the page cache of the operating system. */
const disks: readonly PublishedRun[] = (
  [
    ['opt-175b', 'local, 1.6/1.3 GB/s', 0.69, { read: 1.6e9, write: 1.3e9 }],
    ['opt-175b', 'local, page cache off', 0.49, { read: 1.6e9, write: 1.3e9 }],
    ['opt-175b', 'persistent, 0.5/0.5 GB/s', 0.3, { read: 0.5e9, write: 0.5e9 }],
    ['opt-175b', 'persistent, page cache off', 0.292, { read: 0.5e9, write: 0.5e9 }],
    ['opt-30b', 'local, 1.6/1.3 GB/s', 7.32, { read: 1.6e9, write: 1.3e9 }],
    ['opt-30b', 'persistent, 0.5/0.5 GB/s', 7.32, { read: 0.5e9, write: 0.5e9 }],
  ] as const
).map(([model, title, tokensPerSecond, disk]) => ({
  table: 'disk',
  model,
  title,
  isFourBit: false,
  tokensPerSecond,
  flags: model === 'opt-175b' ? `${in175b} ${best175b}` : `${in30b} ${best30b}`,
  disk,
  ...(model === 'opt-175b' && { pagePositions: 16 }),
}))

/** FlexGen's published runs on one T4 (ICML 2023, tables 2, 4, 13 to 18, 23 and 24; bench_suite.py). */
export const publishedRuns: readonly PublishedRun[] = [...throughput, ...ablations, ...disks]
