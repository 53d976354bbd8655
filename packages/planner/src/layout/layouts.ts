import { createRunPlanner, type RunPlanner } from '@flexgen/core'
import { type Backend, type DType, FlexgenError, type Model, type WeightSource } from '@flexgen/spec'
import type { HardwareProfile } from '../hardware/hardware-profile.ts'
import { nominalBackend } from './nominal-backend.ts'
import { nominalSource } from './nominal-source.ts'

/** A form in which a run may be laid out: what is compressed, and whether attention is compiled for the host too. */
export interface RunForm {
  readonly compressWeight: boolean
  readonly compressCache: boolean
  readonly hostAttention: boolean
}

/** The engine's own planning, by form; undefined for a form that the backend cannot run. */
export interface Layouts extends AsyncDisposable {
  of(form: RunForm): RunPlanner | undefined
  /** Whether the disk's share of weights is scratch, because they lie in no file. */
  readonly weightsAreScratch: boolean
}

/** What layouts are made for; what is absent is taken from the profile and the model's config. */
export interface LayoutsOptions {
  readonly model: Model
  readonly hardware: HardwareProfile
  readonly backend?: Backend | undefined
  /** What would attend on the host beside a device with memory of its own. */
  readonly host?: Backend | undefined
  /** The weights as they will be read, compressed where asked for. */
  readonly weights?: ((compress: boolean) => WeightSource) | undefined
  /** As in the engine's options; by default what a backend that is given would choose, else what was measured. */
  readonly dtype?: DType | undefined
  readonly sepLayer?: boolean | undefined
  readonly attentionSparsity?: number | undefined
  readonly logits?: 'last' | 'all' | undefined
  readonly pagePositions?: number | undefined
}

/** Compiles a model's graphs for the forms that may be planned in. */
export async function createLayouts(options: LayoutsOptions, forms: readonly RunForm[]): Promise<Layouts> {
  const { model, hardware } = options
  const backend = options.backend ?? nominalBackend(hardware)
  const dtype = options.dtype ?? (options.backend === undefined ? hardware.compute.device.matmul[0]!.dtype : undefined)
  const sourceOf = options.weights ?? ((compress) => nominalSource(model, 'float16', compress))
  const planners = new Map<string, RunPlanner>()
  const dispose = async (): Promise<void> => {
    for (const planner of planners.values()) await planner[Symbol.asyncDispose]()
  }
  try {
    for (const form of forms) {
      if (planners.has(keyOf(form))) continue
      const planner = await tryForm(form.compressWeight || form.compressCache, () =>
        createRunPlanner({
          model,
          weights: sourceOf(form.compressWeight),
          backend,
          attentionHost: form.hostAttention ? (options.host ?? nominalHost(hardware)) : undefined,
          dtype,
          compressCache: form.compressCache,
          sepLayer: options.sepLayer ?? true,
          attentionSparsity: options.attentionSparsity ?? 1,
          logits: options.logits,
          pagePositions: options.pagePositions,
        }),
      )
      const runs = !form.compressCache || backend.capabilities.cacheDtypes.includes('q4g64')
      if (planner !== undefined && runs) planners.set(keyOf(form), planner)
      else await planner?.[Symbol.asyncDispose]()
    }
  } catch (error) {
    await dispose()
    throw error
  }
  const weights = sourceOf(false)
  const first = weights.tensors.keys().next().value
  return {
    of: (form) => planners.get(keyOf(form)),
    weightsAreScratch: first !== undefined && weights.extents(first, 0, 1) === undefined,
    [Symbol.asyncDispose]: dispose,
  }
}

/** A form that the backend has no kernels for is no candidate; without compression it is an error. */
async function tryForm(mayFail: boolean, make: () => Promise<RunPlanner>): Promise<RunPlanner | undefined> {
  try {
    return await make()
  } catch (error) {
    if (mayFail && FlexgenError.isInstance(error) && error.code === 'UNSUPPORTED_DATA') return undefined
    throw error
  }
}

function nominalHost(hardware: HardwareProfile): Backend {
  return nominalBackend({ ...hardware, machine: { ...hardware.machine, device: 'host' } })
}

function keyOf({ compressWeight, compressCache, hostAttention }: RunForm): string {
  return `${compressWeight} ${compressCache} ${hostAttention}`
}
