import { expect, it } from 'vitest'
import type { EngineOptions } from '../engine/engine-options.ts'
import { checkBudgets } from './check-budgets.ts'
import type { RunPlan } from './run-plan.ts'

const plan = { ram: { total: 5e6, ramWeights: 4e6, logits: 1e6 }, deviceBytes: 2e6, diskBytes: 7e6 } as RunPlan
const check = (budgets: Partial<EngineOptions>) => () => checkBudgets(plan, budgets as EngineOptions)

it('takes a plan that fits to the byte, and names the budget and the parts of one that does not', () => {
  expect(check({})).not.toThrow()
  expect(check({ maxRamBytes: 5e6, maxDeviceBytes: 2e6, maxDiskBytes: 7e6 })).not.toThrow()
  expect(check({ maxRamBytes: 5e6 - 1 })).toThrow(
    /needs 5 MB of RAM, --max-ram allows 5 MB \(ram weights 4 MB, logits 1 MB\)/,
  )
  expect(check({ maxDeviceBytes: 0 })).toThrow('needs 2 MB on the device, --max-device-memory allows 0 MB')
  expect(check({ maxDiskBytes: 6e6 })).toThrow(
    expect.objectContaining({ code: 'INFEASIBLE', message: expect.stringContaining('--max-disk allows 6 MB') }),
  )
})
