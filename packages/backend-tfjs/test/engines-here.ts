import { isAvailable } from '@flexgen/conformance'
import { createTfjsBackend, type EngineName, engineNames } from '../src/index.ts'

/** The engines that work on this machine; for the others the reason is printed. */
export const enginesHere: readonly EngineName[] = await available()

async function available(): Promise<EngineName[]> {
  const found: EngineName[] = []
  for (const engine of engineNames)
    if (await isAvailable(`tfjs:${engine}`, () => createTfjsBackend({ engine }))) found.push(engine)
  return found
}
