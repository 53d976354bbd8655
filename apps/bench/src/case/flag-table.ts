import type { CaseFlags } from './case-flags.ts'

/** How the words behind a flag are read: `switch` is FlexGen's boolean (`--x`, `--no-x`, `--x true|false|1|0`). */
export type FlagKind =
  | { readonly kind: 'text' | 'switch' | 'number' }
  | { readonly kind: 'whole'; readonly least: number }
  | { readonly kind: 'percents' }
  | { readonly kind: 'choice'; readonly choices: readonly string[] }

/** One flag of a case: its names without dashes, the first as it is printed. */
export type Flag = FlagKind & { readonly names: readonly string[] }

const count = { kind: 'whole', least: 1 } as const

/** Every flag of a case, in the order in which a command is printed. */
export const flagTable: { readonly [Key in keyof Required<CaseFlags>]: Flag } = {
  model: { names: ['model'], kind: 'text' },
  path: { names: ['path'], kind: 'text' },
  backend: { names: ['backend'], kind: 'text' },
  hostBackend: { names: ['host-backend'], kind: 'text' },
  api: { names: ['api'], kind: 'choice', choices: ['auto', 'c', 'js'] },
  threads: { names: ['threads'], ...count },
  dtype: { names: ['dtype'], kind: 'choice', choices: ['float32', 'float16', 'bfloat16'] },
  policy: { names: ['policy'], kind: 'text' },
  hardware: { names: ['hardware'], kind: 'text' },
  history: { names: ['history'], kind: 'switch' },
  percent: { names: ['percent'], kind: 'percents' },
  placement: { names: ['placement'], kind: 'choice', choices: ['exact', 'flexgen'] },
  gpuBatchSize: { names: ['gpu-batch-size'], ...count },
  numGpuBatches: { names: ['num-gpu-batches'], ...count },
  numPrompts: { names: ['num-prompts'], ...count },
  promptLen: { names: ['prompt-len'], ...count },
  maxNewTokens: { names: ['gen-len', 'max-new-tokens'], ...count },
  cutGenLen: { names: ['cut-gen-len'], ...count },
  debugMode: { names: ['debug-mode'], kind: 'choice', choices: ['fewer_batch', 'breakdown'] },
  overlap: { names: ['overlap'], kind: 'switch' },
  sepLayer: { names: ['sep-layer'], kind: 'switch' },
  pinWeight: { names: ['pin-weight'], kind: 'switch' },
  cpuCacheCompute: { names: ['cpu-cache-compute'], kind: 'switch' },
  attnSparsity: { names: ['attn-sparsity'], kind: 'number' },
  compressWeight: { names: ['compress-weight'], kind: 'switch' },
  compressCache: { names: ['compress-cache'], kind: 'switch' },
  reallocateTiming: { names: ['reallocate-timing'], kind: 'whole', least: 0 },
  includeReallocatePunish: { names: ['include-reallocate-punish'], kind: 'switch' },
  reallocateEvery: { names: ['reallocate-every'], ...count },
  refill: { names: ['refill'], kind: 'switch' },
  reallocator: { names: ['reallocator'], kind: 'choice', choices: ['measured', 'random-copy', 'none'] },
  maxRam: { names: ['max-ram', 'cpu-mem'], kind: 'text' },
  maxDeviceMemory: { names: ['max-device-memory', 'gpu-mem'], kind: 'text' },
  maxDisk: { names: ['max-disk', 'disk'], kind: 'text' },
  directIo: { names: ['direct-io'], kind: 'switch' },
  throttleDisk: { names: ['throttle-disk'], kind: 'text' },
  offloadDir: { names: ['offload-dir'], kind: 'text' },
  seed: { names: ['seed'], kind: 'whole', least: 0 },
  simulate: { names: ['simulate'], kind: 'text' },
  scenario: { names: ['scenario'], kind: 'text' },
}

/** The flags that FlexGen does not have: its own may be cut short as if these were not there (`--cpu`). */
export const ownFlags: ReadonlySet<keyof CaseFlags> = new Set<keyof CaseFlags>([
  'policy',
  'hardware',
  'history',
  'backend',
  'hostBackend',
  'api',
  'threads',
  'dtype',
  'numPrompts',
  'maxRam',
  'maxDeviceMemory',
  'maxDisk',
  'placement',
  'directIo',
  'reallocateEvery',
  'reallocator',
  'refill',
  'throttleDisk',
  'seed',
  'simulate',
  'scenario',
])

/** Flags of a FlexGen command that belong to the whole run here; a case's command may have them, without effect. */
export const wholeRunFlags: readonly Flag[] = [
  { names: ['log-file'], kind: 'text' },
  { names: ['no-log'], kind: 'switch' },
  { names: ['verbose'], kind: 'whole', least: 0 },
]
