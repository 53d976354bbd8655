import assert from 'node:assert/strict'
import type { Backend } from '@flexgen/spec'
import { attentionSuite } from './attention-suite.ts'
import { createBackendContext } from './backend-context.ts'
import type { BackendKit } from './backend-kit.ts'
import { cacheMisuseSuite } from './cache-misuse-suite.ts'
import { cancelSuite } from './cancel-suite.ts'
import { copiesSuite } from './copies-suite.ts'
import { failureSuite } from './failure-suite.ts'
import { fourBitSuite } from './four-bit-suite.ts'
import { graphSuite } from './graph-suite.ts'
import { halfSuite } from './half-suite.ts'
import { hostSuite } from './host-suite.ts'
import { layerSuite } from './layer-suite.ts'
import { lifetimeSuite } from './lifetime-suite.ts'
import { memorySuite } from './memory-suite.ts'
import { missingCapabilities } from './missing-capabilities.ts'
import { misuseSuite } from './misuse-suite.ts'
import { operatorsSuite } from './operators-suite.ts'
import { orderSuite } from './order-suite.ts'
import { strangersSuite } from './strangers-suite.ts'

/**
 * The conformance suite of backends: every operator against the oracle, attention with its cache, a whole layer,
 * copies, order of events, memory accounting, lifetimes, failures and misuse. What a backend does not declare in its
 * capabilities must be refused with an error of the project.
 *
 * @param create makes a fresh backend; called once a test
 */
export function describeBackend(name: string, create: () => Promise<Backend>, kit: BackendKit): void {
  const context = createBackendContext(create, kit)
  kit.describe(`${name} is a backend`, () => {
    operatorsSuite(context)
    halfSuite(context)
    fourBitSuite(context)
    attentionSuite(context)
    layerSuite(context)
    graphSuite(context)
    hostSuite(context)
    copiesSuite(context)
    orderSuite(context)
    cancelSuite(context)
    memorySuite(context)
    lifetimeSuite(context)
    failureSuite(context)
    misuseSuite(context)
    cacheMisuseSuite(context)
    strangersSuite(context)
    const { lacks } = kit
    if (lacks !== undefined)
      context.test('everything that the backend lacks has its reason', async ({ capabilities }) => {
        const named = lacks.flatMap(({ what }) => what)
        assert.deepEqual(named.toSorted(), missingCapabilities(capabilities).toSorted())
      })
    kit.it('every known gap is the title of a test', async () => {
      for (const gap of kit.knownGaps ?? []) assert.ok(context.titles.has(gap.test), `no test is called '${gap.test}'`)
    })
  })
}
