import { createFaultyFileSystem } from '@flexgen/conformance'
import { type FuzzCampaign, fuzzCampaign, memoryFileSystem } from '@flexgen/opt-fixtures'
import type { WeightSource } from '@flexgen/spec'
import type fc from 'fast-check'
import { expect } from 'vitest'
import type { CheckpointOptions } from '../../src/index.ts'
import { readEverything } from '../support/read-all.ts'

/** Files of the folder `/m` by name. */
export type Files = Readonly<Record<string, Uint8Array>>

/**
 * A campaign that opens the folder `/m` with the files of each input, and reads all that the source says it has. No
 * file stays open, whether the input was refused or not.
 */
export function sourceCampaign<Input>(
  name: string,
  openSource: (path: string, options: CheckpointOptions) => Promise<WeightSource>,
  inputs: fc.Arbitrary<Input>,
  filesOf: (input: Input) => Files,
  check: (source: WeightSource, files: Files) => void = () => undefined,
): FuzzCampaign {
  async function open(input: Input) {
    const files = Object.fromEntries(Object.entries(filesOf(input)).map(([file, bytes]) => [`/m/${file}`, bytes]))
    const fileSystem = createFaultyFileSystem(memoryFileSystem(files), {})
    const opening = openSource('/m', { fileSystem })
    await opening.catch(() => expect(fileSystem.openCount()).toBe(0))
    return { files, fileSystem, source: await opening }
  }
  return fuzzCampaign(name, inputs, open, async ({ files, fileSystem, source }) => {
    await readEverything(source, files)
    check(source, files)
    await source[Symbol.asyncDispose]()
    expect(fileSystem.openCount()).toBe(0)
  })
}
