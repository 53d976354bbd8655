import { AbortedError, type Backend, type DType, systemClock, UnsupportedDataError, UsageError } from '@flexgen/spec'
import { Cleanup } from './cleanup.ts'
import type { Engine } from './engine.ts'
import type { EngineOptions } from './engine-options.ts'
import { HeldRegions } from './held-regions.ts'
import { DeviceLimit } from './device-limit.ts'
import { HostClaim } from './host-claim.ts'
import { LoadedEngine } from './loaded-engine.ts'
import { compileLayers } from './compile-layers.ts'
import { chooseDtypes, cutModel } from '../plan/cut-model.ts'
import { checkBudgets } from '../plan/check-budgets.ts'
import { planRun } from '../plan/plan-run.ts'
import { MemoryBudget } from '../replacement/memory-budget.ts'
import { placePinned } from './place-pinned.ts'
import { loadResident } from './resident-weights.ts'
import { RestingWeights } from './resting-weights.ts'
import { bounceBytes } from './weight-loader.ts'
import { WeightPins } from './weight-pins.ts'

/**
 * Loads a model under a policy. Everything is planned and checked against the budgets before weights are touched.
 * @throws {FlexgenError} `INFEASIBLE` where a budget is too small, `CORRUPT_DATA` or `UNSUPPORTED_DATA` where model
 * and checkpoint do not fit, and whatever loading fails with; then nothing is left allocated
 */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const { backend, model, policy, weights: source, clock = systemClock } = options
  if (!backend.capabilities.scatteredCacheRows) {
    throw new UnsupportedDataError(`${backend.name} cannot attend over scattered cache rows`)
  }
  const attentionHost = chooseAttentionHost(options)
  const allPositions = options.workload?.logits === 'all'
  const cut = cutModel(model, source, { sepLayer: policy.sepLayer, logits: options.workload?.logits })
  const { layers, units } = cut
  const unsupported = units.find((unit) => !backend.capabilities.weightDtypes.includes(unit.dtype))
  if (unsupported !== undefined) {
    throw new UnsupportedDataError(
      `${backend.name} cannot take ${unsupported.dtype} weights (${unsupported.spec.name})`,
    )
  }
  const { computeDtype, cacheDtype } = chooseDtypes(
    units,
    { dtype: options.dtype, compressCache: policy.compressCache },
    backend,
    attentionHost,
  )
  checkCacheDtype(cacheDtype, backend, attentionHost)
  if (policy.compressWeight && !units.some(({ dtype }) => dtype.startsWith('q4'))) {
    throw new UsageError(`--compress-weight: ${source.description} has no compressed weights`, {
      hint: 'open the checkpoint with compressed weights, or convert it',
    })
  }
  const { replacement } = options
  const isCopied = replacement?.reallocator === 'random-copy'
  const cacheMoves = replacement === undefined ? 'never' : isCopied ? 'anywhere' : 'followed'
  const { placement, wantedPins } =
    replacement === undefined
      ? { placement: cut.place(policy), wantedPins: [] }
      : placePinned(cut, policy, backend, source)
  const cleanup = new Cleanup()
  try {
    const runtimes = await compileLayers({
      backend,
      attentionHost,
      layers,
      units,
      placement,
      computeDtype,
      attentionSparsity: policy.attentionSparsity,
      cleanup,
    })
    const notices = policyNotices(policy)
    const shape = {
      options,
      runtimes,
      units,
      placement,
      computeDtype,
      cacheDtype,
      attentionHost,
      cacheMoves,
      notices,
    } as const
    const plan = planRun(shape, options.workload)
    checkBudgets(plan, options)
    await options.onPlan?.(plan)
    const deviceLimit = new DeviceLimit(backend)
    cleanup.add(() => deviceLimit.end())
    await deviceLimit.hold(options.maxDeviceBytes)
    const limits = { device: options.maxDeviceBytes, ram: options.maxRamBytes }
    const hostClaim = new HostClaim(backend, plan, limits)
    cleanup.add(() => hostClaim.end())
    const totalBytes = units.reduce((sum, unit) => sum + unit.sizeBytes, 0)
    let doneBytes = 0
    const startedAtMs = clock.now()
    const ram = new HeldRegions(options.ram)
    cleanup.add(() => ram.freeAll())
    const rested = await loadResident(
      {
        backend,
        ram,
        disk: options.disk,
        source,
        cleanup,
        signal: options.signal,
        trace: options.trace,
        onBytes: (sizeBytes) => {
          doneBytes += sizeBytes
          options.onProgress?.({ phase: 'weights', doneBytes, totalBytes })
        },
      },
      runtimes,
    )
    const { hostVisible } = backend.device
    const hasBounce = bounceBytes(runtimes, hostVisible) > 0
    const resting = new RestingWeights(rested, { backend, ram, source, hasBounce })
    const pins = new WeightPins(backend, (byteLength) =>
      hostVisible ? backend.allocateHost(byteLength) : backend.allocate(byteLength),
    )
    cleanup.add(() => {
      resting.returned.free()
      pins.free()
    })
    const loadSeconds = (clock.now() - startedAtMs) / 1000
    const budget = new MemoryBudget(limits, (changed) => hostClaim.limit(changed))
    return new LoadedEngine({
      ...shape,
      plan,
      resting,
      pins,
      wantedPins,
      budget,
      deviceLimit,
      hostClaim,
      cleanup,
      allPositions,
      loadSeconds,
    })
  } catch (error) {
    await cleanup.runAfterFailure()
    throw options.signal?.aborted ? new AbortedError('loading was stopped', { cause: error }) : error
  }
}

/**
 * The backend that attends over KV off the device. A host-visible device reads that KV where it rests, so that nothing
 * is left to do for a host beside it but where one is given.
 */
function chooseAttentionHost({ backend, host, policy }: EngineOptions): Backend | undefined {
  if (policy.hostAttentionPercent === 0 || host === backend) return undefined
  if (host === undefined) {
    if (backend.device.hostVisible) return undefined
    throw new UsageError(`--cpu-cache-compute needs a host backend beside ${backend.name}`, {
      hint: 'name one with --host-backend',
    })
  }
  if (!host.device.hostVisible || host.viewCache === undefined) {
    throw new UsageError(`${host.name} cannot attend on the host: it does not read KV where it rests in RAM`)
  }
  return host
}

function checkCacheDtype(dtype: DType, ...backends: (Backend | undefined)[]): void {
  const without = backends.find((backend) => backend !== undefined && !backend.capabilities.cacheDtypes.includes(dtype))
  if (without !== undefined) {
    throw new UnsupportedDataError(`${without.name} cannot attend over KV in ${dtype}`, {
      hint: `it attends over ${without.capabilities.cacheDtypes.join(', ')}`,
    })
  }
}

/** What users should know of how their policy is carried out. */
function policyNotices({ attentionSparsity, cache }: EngineOptions['policy']): string[] {
  if (attentionSparsity === 1 || cache.disk === 0) return []
  return ['attention sparsity: KV on disk is read whole, since rows of a few hundred bytes would be read no faster']
}
