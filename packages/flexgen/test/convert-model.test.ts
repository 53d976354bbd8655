import { createReferenceBackend } from '@flexgen/backend-reference'
import { compressSource } from '@flexgen/checkpoint'
import { fixtureNames, loadFixture } from '@flexgen/opt-fixtures'
import { isGroupDType, tensorBytes } from '@flexgen/spec'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { weightFormsOf } from '../src/convert/weight-forms.ts'
import { convertModel, createEngine, type CreateEngineOptions, openModel, type WeightForm } from '../src/index.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'flexgen-convert-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const inFolder = (...parts: string[]): string => path.join(folder, ...parts)

const prompts = [[2, 48, 92, 7], [5], [11, 12, 13, 14, 15, 16, 17]]

/** Ids and all rows of logits of a run. */
async function run(options: CreateEngineOptions) {
  await using backend = createReferenceBackend()
  const workload = { sequences: 3, maxPromptTokens: 7, maxNewTokens: 6, logits: 'all' } as const
  await using engine = await createEngine({ ...options, backend, offloadDir: inFolder('offload'), workload })
  const rows: (readonly [number, number, Float32Array])[] = []
  const results = await engine.generateAll(prompts, {
    maxNewTokens: 6,
    ignoreEos: true,
    logits: 'all',
    onLogits: (sequence, position, row) => rows.push([sequence, position, row.slice()]),
  })
  return { ids: results.map(({ ids }) => ids), rows, report: engine.report() }
}

describe('a converted model', () => {
  it.each(fixtureNames.flatMap((name) => [[name, 'flexgen'] as const, [name, 'inputs'] as const]))(
    'of %s in the form %s runs exactly as the original with its weights compressed',
    async (name, form: WeightForm) => {
      const original = loadFixture(name).folder
      const output = inFolder(`${name}-${form}`)
      const converted = await convertModel({ model: original, output, form })
      expect(converted.compressedTensors).toBeGreaterThan(5)
      await using opened = await openModel({ model: original })
      const compressed = compressSource(opened.weights, weightFormsOf(opened.model, form))
      const expected = await run(
        form === 'flexgen'
          ? { model: original, policy: { compressWeight: true } }
          : { model: { ...opened, weights: compressed } },
      )
      const percent = [30, 20, 50, 50, 100, 0]
      const { ids, rows, report } = await run({ model: output, policy: { percent, gpuBatchSize: 3 } })
      expect(ids).toEqual(expected.ids)
      expect(rows).toEqual(expected.rows)
      expect(report.notices.join()).not.toContain('compressed already')
    },
  )

  it('reads its disk share in 4.5 bits a weight, and is not compressed again', async () => {
    const output = inFolder('disk')
    await convertModel({ model: 'demo', output })
    await using opened = await openModel({ model: output })
    const weights = opened.model.layers.flatMap((layer) => layer.weights.filter(({ access }) => access !== 'rows'))
    const streamed = weights.flatMap(({ parts }) => parts.map(({ tensor }) => opened.weights.tensors.get(tensor)!))
    const expected = streamed
      .filter(({ dtype }) => isGroupDType(dtype))
      .reduce((sum, { dtype, shape }) => sum + tensorBytes(dtype, shape), 0)
    // Of the token table only the rows of the ids are read.
    const rowBytes = tensorBytes('q4g64', [opened.model.hiddenSize])
    const policy = { percent: [0, 0, 100, 0, 100, 0], compressWeight: true }
    const { report } = await run({ model: output, policy })
    // Of all sweeps, since one reads ahead for the next.
    const readBytes = report.sweeps.reduce((sum, { diskBytesRead }) => sum + diskBytesRead.weights, 0)
    const gatheredBytes = readBytes - report.sweeps.length * expected
    expect(gatheredBytes).toBeGreaterThan(0)
    expect(gatheredBytes).toBeLessThanOrEqual((report.promptTokens + report.newTokens) * rowBytes)
    expect(report.notices.join()).toContain('the checkpoint is compressed already')
  })

  it('has tokenizer and config, which says for others what it is', async () => {
    const output = inFolder('demo')
    const { files, sizeBytes, originalBytes } = await convertModel({ model: 'demo', output })
    expect(files).toEqual(readdirSync(output).toSorted())
    expect(files).toEqual(expect.arrayContaining(['config.json', 'model.safetensors', 'tokenizer.json']))
    expect(sizeBytes / originalBytes).toBeLessThan(0.29)
    const config = JSON.parse(readFileSync(path.join(output, 'config.json'), 'utf8')) as Record<string, unknown>
    expect(config['quantization_config']).toEqual({ quant_method: 'flexgen', bits: 4, group_size: 64, form: 'flexgen' })
    await using opened = await openModel({ model: output })
    await using demo = await openModel()
    expect(opened.tokenizer!.encode('The state')).toEqual(demo.tokenizer!.encode('The state'))
  })

  it('may have several files', async () => {
    const output = inFolder('files')
    const { files } = await convertModel({ model: 'demo', output, maxFile: '1MB' })
    expect(files).toContain('model.safetensors.index.json')
    expect(files).toContain('model-00004-of-00004.safetensors')
    const one = await run({ model: 'demo', policy: { compressWeight: true } })
    expect((await run({ model: output })).rows).toEqual(one.rows)
  })

  it('may be of made-up weights', async () => {
    const output = inFolder('dummy')
    await convertModel({ model: 'opt-125m', path: '_DUMMY_', seed: 4, output })
    await using opened = await openModel({ model: output })
    await using dummy = await openModel({ model: 'opt-125m', path: '_DUMMY_', seed: 4 })
    const compressed = compressSource(dummy.weights, weightFormsOf(dummy.model, 'flexgen'))
    expect(new Set(opened.weights.tensors.keys())).toEqual(new Set(compressed.tensors.keys()))
    for (const name of ['lm_head.weight', 'model.decoder.layers.7.fc2.weight'])
      for (const at of [0, 100_000]) {
        const [a, b] = [new Uint8Array(5000), new Uint8Array(5000)]
        await opened.weights.read(name, at, a)
        await compressed.read(name, at, b)
        expect(Buffer.compare(a, b)).toBe(0)
      }
  })
})

describe('a conversion that cannot be', () => {
  it('of what is compressed already is refused', async () => {
    await convertModel({ model: 'demo', output: inFolder('once') })
    const again = convertModel({ model: inFolder('once'), output: inFolder('twice') })
    await expect(again).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('already') })
    expect(readdirSync(folder)).not.toContain('twice')
  })

  it('of values that 4 bits cannot hold names their tensor and leaves nothing', async () => {
    const model = inFolder('nan')
    cpSync(loadFixture('float16').folder, model, { recursive: true })
    const file = path.join(model, 'model.safetensors')
    const bytes = readFileSync(file)
    const headerBytes = Number(bytes.readBigUInt64LE(0))
    const header = JSON.parse(bytes.toString('utf8', 8, 8 + headerBytes)) as Record<string, { data_offsets: [number] }>
    const name = 'model.decoder.layers.1.fc1.weight'
    bytes.writeUInt16LE(0x7e00, 8 + headerBytes + header[name]!.data_offsets[0] + 20)
    writeFileSync(file, bytes)
    await expect(convertModel({ model, output: inFolder('out') })).rejects.toMatchObject({
      code: 'CORRUPT_DATA',
      message: expect.stringContaining(name),
    })
    expect(readdirSync(folder).filter((each) => each.includes('out'))).toEqual([])
  })

  it('stops at the signal, and leaves nothing', async () => {
    const controller = new AbortController()
    const converting = convertModel({
      model: 'opt-125m',
      path: '_DUMMY_',
      output: inFolder('stopped'),
      signal: controller.signal,
      onProgress: ({ doneBytes, totalBytes }) => doneBytes > totalBytes / 10 && controller.abort(),
    })
    await expect(converting).rejects.toMatchObject({ code: 'ABORTED' })
    expect(readdirSync(folder).filter((each) => each.includes('stopped'))).toEqual([])
  })
})
