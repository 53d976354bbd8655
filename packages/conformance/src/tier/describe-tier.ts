import { type HostBuffer, spanOf, type Tier } from '@flexgen/spec'
import { orderChecks } from '../kit/order-checks.ts'
import { createHostBuffer } from '../kit/host-buffer.ts'
import { accountingSuite } from './accounting-suite.ts'
import { bytesSuite } from './bytes-suite.ts'
import { extentsSuite } from './extents-suite.ts'
import { faultTests } from './fault-bench.ts'
import { faultsSuite } from './faults-suite.ts'
import { lateSuite } from './late-suite.ts'
import { misuseSuite } from './misuse-suite.ts'
import { rangesSuite } from './ranges-suite.ts'
import type { TierKit } from './tier-kit.ts'

/** What the suites of a tier share. */
export interface TierContext {
  readonly kit: TierKit
  readonly allocateHost: (byteLength: number) => HostBuffer
  /** Registers a test that gets a fresh tier, which is disposed afterwards. */
  test(name: string, body: (tier: Tier) => Promise<void>): void
}

/**
 * The conformance suite of tiers: random operations against a model, concurrency, order of events, byte accounting,
 * free after an event, misuse, dispose, the RAM tier's view; with `createOn` also short, failed, torn and late reads and writes.
 *
 * @param create makes a fresh tier; called once a test
 */
export function describeTier(name: string, create: () => Promise<Tier>, kit: TierKit): void {
  const context: TierContext = {
    kit,
    allocateHost: kit.allocateHost ?? createHostBuffer,
    test: (title, body) =>
      void kit.it(title, async () => {
        await using tier = await create()
        await body(tier)
      }),
  }
  kit.describe(`${name} is a tier`, () => {
    bytesSuite(context)
    rangesSuite(context)
    extentsSuite(context)
    for (const [title, check] of Object.entries(orderChecks)) {
      context.test(title, async (tier) => {
        const region = await tier.allocate(5000)
        const target = spanOf(context.allocateHost(5000))
        let queues = 0
        await check(() => {
          const queue = tier.createQueue(`test ${++queues}`)
          return { queue, issue: () => queue.read(target, region, 0) }
        })
      })
    }
    accountingSuite(context)
    misuseSuite(context)
    if (kit.createOn === undefined) return
    const test = faultTests(context, kit.createOn)
    faultsSuite(context, test)
    lateSuite(context, test)
  })
}
