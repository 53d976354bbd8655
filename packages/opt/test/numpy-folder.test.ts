import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openCheckpoint, openNumpyFolder } from '@flexgen/checkpoint'
import { loadFixture } from '@flexgen/opt-fixtures'
import type { Model, WeightSource } from '@flexgen/spec'
import { afterAll, expect, it } from 'vitest'
import { createOptModel } from '../src/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'flexgen-opt-np-'))
afterAll(() => rmSync(folder, { recursive: true }))

const { config, folder: checkpoint } = loadFixture('facebook-bin')

async function readTensor(source: WeightSource, name: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(source.tensors.get(name)!.byteLength)
  await source.read(name, 0, bytes)
  return bytes
}

/** Bytes of every weight of a model, in the order of its layers. */
async function weightsOf(source: WeightSource, model: Model): Promise<Uint8Array[]> {
  const parts = model.layers.flatMap((layer) => layer.weights).flatMap((weight) => weight.parts)
  return Promise.all(parts.map(({ tensor }) => readTensor(source, tensor)))
}

/** As `flex_opt.py` of FlexGen names and writes them: numpy float16, the head once more, without an extension. */
async function writeNumpyFolder(source: WeightSource): Promise<void> {
  for (const { name, shape } of source.tensors.values()) {
    const header = `{'descr': '<f2', 'fortran_order': False, 'shape': (${shape.join(', ')},), }\n`
    const start = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, header.length, 0])
    const plain = name.replace('model.', '').replace('decoder.final_layer_norm', 'decoder.layer_norm')
    writeFileSync(join(folder, plain), Buffer.concat([start, Buffer.from(header), await readTensor(source, name)]))
  }
}

it("takes FlexGen's folder of npy files for the same model as the checkpoint that it was made from", async () => {
  await using source = await openCheckpoint(checkpoint)
  await writeNumpyFolder(source)
  await using numpy = await openNumpyFolder(folder)
  const expected = createOptModel(config, { tensorNames: source.tensors.keys() })
  const model = createOptModel(config, { tensorNames: numpy.tensors.keys() })
  expect(numpy.tensors.has('decoder.layer_norm.weight')).toBe(true)
  expect(model.facts).toEqual(expected.facts)
  expect(model.notices).toEqual(['lm_head.weight is not read: the config ties the head to the token table'])
  expect(await weightsOf(numpy, model)).toEqual(await weightsOf(source, expected))
})
