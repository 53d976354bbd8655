import { cachePageBytes, type Clock, systemClock } from '@flexgen/spec'
import type { BlockPlan } from '../engine/block-plan.ts'
import type { GenerationRequest } from '../engine/engine-options.ts'
import type { LoadedParts } from '../engine/loaded-parts.ts'
import { percentOf, type TierBytes, weightBytesByTier } from '../placement/summary.ts'
import type { RowHome } from '../placement/place-rows.ts'
import type { RunPlan } from '../plan/run-plan.ts'
import { addedBytes, createDiskTraffic, type DiskTraffic } from './disk-traffic.ts'
import type { PlacementShare, RunReport, SweepTraffic } from './run-report.ts'

/** Measures a run as it goes and makes its report. */
export class RunMeter {
  /** What the disk queues of the run add to. */
  readonly traffic: DiskTraffic = createDiskTraffic()
  readonly #clock: Clock
  readonly #parts: LoadedParts
  readonly #plan: RunPlan
  readonly #requests: readonly GenerationRequest[]
  readonly #sweeps: SweepTraffic[] = []
  readonly #cache: TierBytes = { device: 0, ram: 0, disk: 0 }
  readonly #hidden: TierBytes = { device: 0, ram: 0, disk: 0 }
  readonly #taskSeconds = new Map<string, number>()
  #before: DiskTraffic = createDiskTraffic()
  #startedAtMs = 0
  #newTokens = 0
  #peakRamBytes = 0
  #prefillTokens = 0

  constructor(parts: LoadedParts, plan: RunPlan, requests: readonly GenerationRequest[]) {
    this.#clock = parts.options.clock ?? systemClock
    this.#parts = parts
    this.#plan = plan
    this.#requests = requests
  }

  beginBlock(plan: BlockPlan): void {
    count(
      this.#cache,
      plan.cacheHomes.flatMap((layer) => layer.map(({ home }) => home)),
      cachePageBytes(plan.cacheSpec, plan.cacheSpec.maxPositions),
    )
    count(this.#hidden, plan.hiddenHomes.flat(), plan.hiddenRowBytes)
    this.#measurePeak()
  }

  beginSweep(): void {
    this.#before = structuredClone(this.traffic)
    this.#startedAtMs = this.#clock.now()
  }

  /** Adds the time of one step of a breakdown. */
  addStep(task: string, durationMs: number): void {
    this.#taskSeconds.set(task, (this.#taskSeconds.get(task) ?? 0) + durationMs / 1000)
  }

  endSweep(phase: SweepTraffic['phase'], liveSequences: number, newTokens: number): void {
    this.#sweeps.push({
      phase,
      liveSequences,
      durationSeconds: (this.#clock.now() - this.#startedAtMs) / 1000,
      diskBytesRead: addedBytes(this.#before.read, this.traffic.read),
      diskBytesWritten: addedBytes(this.#before.written, this.traffic.written),
      ...(this.#taskSeconds.size > 0 && { taskSeconds: Object.fromEntries(this.#taskSeconds) }),
    })
    this.#taskSeconds.clear()
    this.#newTokens += newTokens
    if (phase === 'prefill') this.#prefillTokens += newTokens
    this.#measurePeak()
  }

  get lastSweepSeconds(): number {
    return this.#sweeps.at(-1)?.durationSeconds ?? 0
  }

  /** Counts time after the last sweep as its own. */
  addToLastSweep(seconds: number): void {
    const last = this.#sweeps.pop()
    if (last !== undefined) this.#sweeps.push({ ...last, durationSeconds: last.durationSeconds + seconds })
  }

  report(): RunReport {
    const { options, units, placement, loadSeconds } = this.#parts
    const seconds = (phase: SweepTraffic['phase']): number =>
      this.#sweeps.filter((sweep) => sweep.phase === phase).reduce((sum, sweep) => sum + sweep.durationSeconds, 0)
    const [prefillSeconds, decodeSeconds] = [seconds('prefill'), seconds('decode')]
    const promptTokens = this.#requests.reduce((sum, request) => sum + request.promptIds.length, 0)
    const memory = options.backend.memory()
    return {
      model: options.model.name,
      backend: options.backend.name,
      device: options.backend.device.description,
      computeDtype: this.#parts.computeDtype,
      cacheDtype: this.#parts.cacheDtype,
      notices: [...options.backend.notices, ...this.#parts.notices],
      policy: options.policy,
      placement: {
        weights: share(options.policy.weights, weightBytesByTier(units, placement)),
        cache: share(options.policy.cache, this.#cache),
        activations: share(options.policy.activations, this.#hidden),
      },
      plan: this.#plan,
      sequences: this.#requests.length,
      promptTokens,
      newTokens: this.#newTokens,
      loadSeconds,
      prefillSeconds,
      decodeSeconds,
      prefillTokensPerSecond: rate(promptTokens, prefillSeconds),
      decodeTokensPerSecond: rate(this.#newTokens - this.#prefillTokens, decodeSeconds),
      totalTokensPerSecond: rate(this.#newTokens, prefillSeconds + decodeSeconds),
      sweeps: [...this.#sweeps],
      memory,
      peakRamBytes: this.#peakRamBytes,
      peakDeviceBytes: memory.peakDeviceBytes,
      peakDiskBytes: options.disk.stats().peakHeldBytes,
    }
  }

  #measurePeak(): void {
    const { backend } = this.#parts.options
    const memory = backend.memory()
    const device = backend.device.hostVisible ? memory.deviceBytes + memory.preparedBytes + memory.workspaceBytes : 0
    const host = this.#parts.attentionHost?.memory()
    const beside = host === undefined ? 0 : host.deviceBytes + host.hostBytes + host.preparedBytes + host.workspaceBytes
    this.#peakRamBytes = Math.max(this.#peakRamBytes, memory.hostBytes + device + beside)
  }
}

function share(requested: TierBytes, bytes: TierBytes): PlacementShare {
  return { requested, realised: percentOf(bytes), bytes }
}

function count(bytes: TierBytes, homes: readonly RowHome[], rowBytes: number): void {
  for (const home of homes) bytes[home] += rowBytes
}

function rate(tokens: number, seconds: number): number {
  return seconds === 0 ? 0 : tokens / seconds
}
