import type { CudaStepPlan, OwnNode } from '../graph/plan-steps.ts'
import type { DeviceModule } from './device-kernels.ts'

/** Own kernels that the steps of a graph may launch; attention over 4-bit KV is known when there is such KV only. */
export function neededModules(plans: readonly CudaStepPlan[]): ReadonlySet<DeviceModule> {
  // Small copies to the device are a kernel's.
  const modules = new Set<DeviceModule>(['copy'])
  for (const plan of plans) {
    if (plan.kind === 'own') modules.add(moduleOf[plan.node.operator])
    else if (plan.kind === 'attention') modules.add('attention')
    else if (plan.packed.length > 0) modules.add('groups')
  }
  return modules
}

const moduleOf: Readonly<Record<OwnNode['operator'], DeviceModule>> = {
  ArgMax: 'arg-max',
  DequantizeGroup: 'groups',
  Gather: 'groups',
  LayerNormalization: 'norm',
  QuantizeGroup: 'groups',
  RMSNormalization: 'norm',
}
