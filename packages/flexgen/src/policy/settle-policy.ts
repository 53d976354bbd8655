import { createPolicy, type RunReport, type Workload } from '@flexgen/core'
import { type Backend, FlexgenError, type Policy } from '@flexgen/spec'
import { defaultOffloadDir } from '../engine/default-offload-dir.ts'
import type { CreateEngineOptions } from '../engine/engine-options.ts'
import { engineWeightsOf } from '../engine/engine-weights.ts'
import { expandHome } from '../model/expand-home.ts'
import type { OpenedModel } from '../model/open-model.ts'
import { autoPartsOf } from './auto-policy.ts'
import { choosePolicy, type RunSubject } from './choose-policy.ts'
import { hardwareHere } from './hardware-here.ts'
import { type LoadedHardware, loadHardware, roomOf } from './load-hardware.ts'
import { predictRun, type RunPrediction } from './run-prediction.ts'

/** What a run computes with. */
export interface RunBackends {
  readonly backend: Backend
  /** What may attend on the host; the backend itself or undefined where nothing else does. */
  readonly host: Backend | undefined
}

/** The policy of a run, given or chosen. */
export interface SettledPolicy {
  readonly policy: Policy
  /** The budgets of RAM and of the device: what was allowed, or what a chosen policy was planned for. */
  readonly maxRamBytes: number | undefined
  readonly maxDeviceBytes: number | undefined
  /** Grows where a prediction cannot be made. */
  readonly notices: readonly string[]
  /** What was expected of a run that has ended, see `predictRun`; undefined, with a notice, where that cannot be said. */
  predict(report: RunReport, workload: Workload): Promise<RunPrediction | undefined>
}

/**
 * What of a policy is known before a model is opened: all of it, or what the planner must leave as it is.
 * @throws {UsageError} for numbers outside their range
 */
export function knownPolicyOf(choice: CreateEngineOptions['policy'] = {}): Policy {
  if (choice === 'auto') return createPolicy()
  return 'weights' in choice ? choice : createPolicy(choice)
}

/**
 * Chooses the policy where that is asked for.
 * @throws {FlexgenError} `INFEASIBLE` where nothing fits; `CORRUPT_DATA` for a bad profile
 */
export async function settlePolicy(
  options: CreateEngineOptions,
  opened: OpenedModel,
  { backend, host }: RunBackends,
  budgets: RunSubject['budgets'],
  workload: Workload | undefined,
): Promise<SettledPolicy> {
  const known = knownPolicyOf(options.policy)
  const auto = autoPartsOf(options.policy)
  const offloadDir = expandHome(options.offloadDir ?? defaultOffloadDir())
  // Beside a backend that is a host itself another attends only where it is told to; elsewhere if it is not forbidden.
  const attends = backend.device.hostVisible
    ? known.hostAttentionPercent > 0 && host !== backend
    : auto?.hostAttentionPercent !== 0
  const subject: RunSubject = {
    model: opened.model,
    backend,
    host: attends ? host : undefined,
    weights: (compressWeight) => engineWeightsOf(opened, { compressWeight }, backend).weights,
    workload,
    dtype: options.dtype,
    directIo: options.direct ?? false,
    pagePositions: options.pagePositions,
    room: options.machine?.room ?? (await roomOf(offloadDir)),
    budgets,
  }
  // A name that is wrong is known at once; what was saved is read where it is needed.
  const named = options.hardware === undefined ? undefined : await loadHardware(options.hardware, offloadDir)
  const hardware = async (): Promise<LoadedHardware> => named ?? loadHardware(undefined, offloadDir)
  const chosen = auto === undefined ? undefined : await choosePolicy(subject, auto, hardware)
  const policy = chosen?.policy ?? known
  const { maxRamBytes, maxDeviceBytes } = chosen ?? budgets
  const notices = [...(chosen?.notices ?? [])]
  return {
    policy,
    maxRamBytes,
    maxDeviceBytes,
    notices,
    predict: async (report, ran) => {
      try {
        return await predictRun({
          subject: { ...subject, budgets: { ...budgets, maxRamBytes, maxDeviceBytes } },
          policy,
          hardware: await hardwareHere(await hardware(), subject),
          report,
          workload: ran,
          usesHistory: options.history ?? true,
        })
      } catch (error) {
        // A run that went well is not spoiled by a profile or a history that is not.
        if (!FlexgenError.isInstance(error)) throw error
        notices.push(`there is no prediction: ${error.message}`)
        return undefined
      }
    },
  }
}
