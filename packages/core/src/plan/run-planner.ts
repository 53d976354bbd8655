import type { Backend, DType, Model, Policy, WeightSource } from '@flexgen/spec'
import type { BlockPlan } from '../engine/block-plan.ts'
import { Cleanup } from '../engine/cleanup.ts'
import { compileLayers } from '../engine/compile-layers.ts'
import type { EngineOptions, Workload } from '../engine/engine-options.ts'
import type { LayerRuntime, PlacedUnit } from '../engine/layer-runtime.ts'
import { streamedPieces } from '../engine/weight-loader.ts'
import { placeWeights, type UnitPlacement } from '../placement/place-weights.ts'
import type { WeightUnit } from '../placement/weight-unit.ts'
import { chooseDtypes, cutModel } from './cut-model.ts'
import { kernelWorkspace, type PlannedModel, planRun, planWorkload } from './plan-run.ts'
import type { RunPlan } from './run-plan.ts'

/** What runs are planned for: everything but what a policy places and how it cuts batches. */
export interface RunPlannerOptions {
  readonly model: Model
  /** As the run will read them: compressed where the policies say so. Only names, shapes and places are looked at. */
  readonly weights: WeightSource
  readonly backend: Backend
  /** Where KV off the device is attended; undefined where the device alone attends. */
  readonly attentionHost?: Backend | undefined
  /** As in the engine's options. */
  readonly dtype?: DType | undefined
  readonly compressCache: boolean
  readonly sepLayer: boolean
  readonly attentionSparsity: number
  readonly logits?: 'last' | 'all' | undefined
  readonly pagePositions?: number | undefined
}

/** Budgets that shape a plan: the ring of streamed weights takes what they leave. */
export type RunBudgets = Pick<EngineOptions, 'maxRamBytes' | 'maxDeviceBytes'>

/** A run laid out, as `createEngine` would, without anything loaded. */
export interface LaidOutRun {
  readonly plan: RunPlan
  readonly block: BlockPlan
  /** Sizes of what streams through staging in every sweep, by layer. */
  readonly streamed: readonly (readonly number[])[]
}

/** Plans runs of one model on one backend under many policies; see `createRunPlanner`. */
export interface RunPlanner extends AsyncDisposable {
  readonly units: readonly WeightUnit[]
  readonly computeDtype: DType
  readonly cacheDtype: DType
  /** The engine's own plan of a policy that goes with the options: to the byte what `createEngine` checks and holds. */
  layOut(policy: Policy, workload: Workload, budgets?: RunBudgets): LaidOutRun
  /** Scratch of the kernels at a batch size, as `planRun` counts it. */
  workspaceBytes(batch: number, workload: Pick<Workload, 'maxPromptTokens' | 'maxNewTokens'>): number
  /** What a prepared kernel holds for every unit. */
  readonly preparedUnitBytes: readonly number[]
}

/**
 * Compiles a model's graphs and then plans any number of runs: pure, nothing is allocated or read.
 * @throws {FlexgenError} `CORRUPT_DATA` or `UNSUPPORTED_DATA` where model, weights and backend do not go together
 */
export async function createRunPlanner(options: RunPlannerOptions): Promise<RunPlanner> {
  const { model, weights, backend, attentionHost } = options
  const { layers, units, place } = cutModel(model, weights, options)
  const { dtype, compressCache } = options
  const { computeDtype, cacheDtype } = chooseDtypes(units, { dtype, compressCache }, backend, attentionHost)
  const cleanup = new Cleanup()
  try {
    const everything = placeWeights(units, { device: 100, ram: 0, disk: 0 })
    const compiled = await compileLayers({
      backend,
      attentionHost,
      layers,
      units,
      placement: everything,
      computeDtype,
      attentionSparsity: options.attentionSparsity,
      cleanup,
    })
    const placements = new Map<string, readonly UnitPlacement[]>()
    const placementOf = (policy: Policy): readonly UnitPlacement[] => {
      const key = `${policy.placement} ${policy.weights.device} ${policy.weights.ram}`
      const made = placements.get(key) ?? place(policy)
      placements.set(key, made)
      return made
    }
    return {
      units,
      computeDtype,
      cacheDtype,
      preparedUnitBytes: preparedUnitBytes(compiled, units),
      layOut(policy, workload, budgets = {}) {
        const placement = placementOf(policy)
        const runtimes = placeAnew(compiled, units, placement)
        const planned: PlannedModel = {
          options: {
            model,
            weights,
            backend,
            policy,
            ...(options.pagePositions !== undefined && { pagePositions: options.pagePositions }),
            ...budgets,
          },
          runtimes,
          units,
          placement,
          computeDtype,
          cacheDtype,
          attentionHost,
          cacheMoves: 'never',
        }
        const given = { ...workload, logits: options.logits ?? 'last' }
        return {
          plan: planRun(planned, given),
          block: planWorkload(planned, given),
          streamed: streamedPieces(runtimes, backend.device.hostVisible),
        }
      },
      workspaceBytes(batch, { maxPromptTokens, maxNewTokens }) {
        const maxPositions = maxPromptTokens + maxNewTokens
        const shapes = [maxPromptTokens, 1].map((seq) => ({ batch, seq, maxPositions, cacheDtype }))
        return kernelWorkspace(compiled, shapes).device
      },
      [Symbol.asyncDispose]: () => cleanup.run(),
    }
  } catch (error) {
    await cleanup.runAfterFailure()
    throw error
  }
}

function preparedUnitBytes(compiled: readonly LayerRuntime[], units: readonly WeightUnit[]): number[] {
  const bytes = new Map(
    compiled.flatMap(({ stages }) =>
      stages.flatMap(({ base, units: own }) =>
        own.map(({ unit }): [WeightUnit, number] => [unit, base.preparedBytes([unit.spec.name])]),
      ),
    ),
  )
  return units.map((unit) => bytes.get(unit) ?? 0)
}

/** The same kernels with weights in other places. */
function placeAnew(
  compiled: readonly LayerRuntime[],
  units: readonly WeightUnit[],
  placement: readonly UnitPlacement[],
): LayerRuntime[] {
  const placeOf = new Map(units.map((unit, i) => [unit, placement[i]!]))
  const anew = (placed: readonly PlacedUnit[]): PlacedUnit[] =>
    placed.map(({ unit }) => ({ unit, place: placeOf.get(unit)! }))
  return compiled.map((runtime) => ({
    ...runtime,
    units: anew(runtime.units),
    stages: runtime.stages.map((stage) => ({ ...stage, units: anew(stage.units) })),
  }))
}
