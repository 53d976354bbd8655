import { cp, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { openCheckpoint } from '@flexgen/checkpoint'
import { createOptModel } from '@flexgen/opt'
import { loadFixture } from '@flexgen/opt-fixtures'
import type { Model, WeightSource } from '@flexgen/spec'

/** A tiny OPT whose head gives the same logit for every id, so that greedy decoding finds id 0 for ever. */
export interface ZeroTableFixture extends AsyncDisposable {
  readonly model: Model
  readonly weights: WeightSource
}

/** A copy of a fixture whose token table, which is the head too, is all zeros. */
export async function openZeroTableFixture(): Promise<ZeroTableFixture> {
  const fixture = loadFixture('pre-norm')
  const folder = await mkdtemp(path.join(tmpdir(), 'flexgen-simulated-'))
  await cp(fixture.folder, folder, { recursive: true })
  const weights = await openCheckpoint(folder)
  const model = createOptModel(fixture.config, { tensorNames: weights.tensors.keys() })
  const tables = [model.layers[0]!, model.layers.at(-1)!].flatMap((layer) =>
    layer.weights.filter(({ name }) => name === 'tokens' || name === 'vocabulary.weight'),
  )
  for (const { tensor } of tables.flatMap(({ parts }) => parts)) {
    for (const extent of weights.extents(tensor, 0, weights.tensors.get(tensor)!.byteLength)!) {
      const file = await open(extent.path, 'r+')
      await file.write(new Uint8Array(extent.byteLength), 0, extent.byteLength, extent.byteOffset)
      await file.close()
    }
  }
  return {
    model,
    weights,
    async [Symbol.asyncDispose]() {
      await weights[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
