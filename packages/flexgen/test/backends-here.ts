import { isAvailable } from '@flexgen/conformance'
import { openBackend } from '../src/index.ts'
import { backends } from '../src/registry/backends.ts'

/** Every backend by the names that a command takes, with each of its engines; the GPU has suites of its own. */
const names = Object.entries(backends)
  .filter(([name]) => name !== 'onnxruntime-cuda')
  .flatMap(([name, { engines }]) => engines?.map((engine) => `${name}:${engine}`) ?? [name])

/** Names of the backends that work on this machine, without the oracle; for the others the reason is printed. */
export const backendsHere: readonly string[] = await available()

async function available(): Promise<string[]> {
  const found: string[] = []
  for (const name of names) {
    if (name === 'reference') continue
    if (await isAvailable(name, async () => (await openBackend(name)).backend)) found.push(name)
  }
  return found
}
