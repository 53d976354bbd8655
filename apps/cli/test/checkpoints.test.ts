import { loadFixture } from '@flexgen/opt-fixtures'
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCli, temporaryFolder } from './cli-process.ts'
import { hasNative } from './native-here.ts'

const folder = temporaryFolder()
const backends = ['reference', 'onnxruntime', 'native'] as const

interface Output {
  readonly promptIds: readonly number[]
  readonly ids: readonly number[]
  readonly text?: string
}

async function generate(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Output[]> {
  const { code, stdout, stderr } = await runCli(['generate', '--json', '--ignore-eos', ...args], { env })
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
  return (JSON.parse(stdout) as { outputs: Output[] }).outputs
}

/** Everything on the device, and everything on disk. */
const placements = [
  ['100', '0', '100', '0', '100', '0'],
  ['0', '0', '0', '0', '0', '0'],
]

for (const backend of backends)
  describe.skipIf(backend === 'native' && !hasNative)(`on ${backend}`, () => {
    describeCheckpoints(backend)
  })

function describeCheckpoints(backend: (typeof backends)[number]): void {
  it.each(['facebook-bin', 'facebook-bin-sharded'] as const)(
    '%s, with config.json, .bin, vocab.json and merges.txt, gives the ids and texts of transformers',
    async (name) => {
      const { folder: model, prompts, decodeSteps } = loadFixture(name)
      const withText = prompts.filter(({ text }) => text !== undefined)
      expect(withText.length).toBeGreaterThan(0)
      const texts = withText.flatMap(({ text }) => ['--prompt', text!])
      const expected = withText.map(({ promptIds, ids, newText }) => ({ promptIds, ids, text: newText }))
      for (const percent of placements) {
        // The expected ids are those of float32.
        const sizes = ['--max-new-tokens', String(decodeSteps + 1), '--dtype', 'float32', '--percent', ...percent]
        const outputs = await generate(['--backend', backend, '--model', model, ...texts, ...sizes])
        expect(outputs.map(({ promptIds, ids, text }) => ({ promptIds, ids, text }))).toEqual(expected)
      }
    },
  )

  it('opt-125m with made-up weights, from disk', async () => {
    const sizes = ['--num-prompts', '2', '--prompt-len', '8', '--gen-len', '3', '--seed', '5']
    const model = ['--model', 'facebook/opt-125m', '--path', '_DUMMY_', '--backend', backend]
    const outputs = await generate([...model, ...sizes, '--percent', '0', '10', '0', '100', '0', '100'])
    expect(outputs.map(({ promptIds, ids }) => [promptIds.length, ids.length])).toEqual([
      [8, 3],
      [8, 3],
    ])
    for (const { ids } of outputs) expect(ids.every((id) => id >= 0 && id < 50_272)).toBe(true)
    expect(outputs[0]!.promptIds).not.toEqual(outputs[1]!.promptIds)
  })
}

it('finds a model by its name in the cache of Hugging Face', async () => {
  const { folder: checkpoint, prompts } = loadFixture('facebook-bin')
  const repository = path.join(folder, 'hub', 'models--facebook--opt-tiny')
  mkdirSync(path.join(repository, 'refs'), { recursive: true })
  writeFileSync(path.join(repository, 'refs', 'main'), '3d2b5f')
  cpSync(checkpoint, path.join(repository, 'snapshots', '3d2b5f'), { recursive: true })
  const { promptIds, ids } = prompts[0]!
  for (const name of ['facebook/opt-tiny', 'opt-tiny']) {
    const args = ['--model', name, '--prompt-ids', promptIds.join(','), '--max-new-tokens', '4']
    expect((await generate(args, { HF_HOME: folder }))[0]!.ids).toEqual(ids.slice(0, 4))
  }
})
