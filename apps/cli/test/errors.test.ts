import { demoModelPath } from '@flexgen/demo-model'
import { cpSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCli, temporaryFolder } from './cli-process.ts'

const folder = temporaryFolder()
const inFolder = (...parts: string[]): string => path.join(folder, ...parts)

/** A copy of the demo model, changed by `damage`. */
function damagedModel(name: string, damage: (folder: string) => void): string {
  cpSync(demoModelPath, inFolder(name), { recursive: true })
  damage(inFolder(name))
  return inFolder(name)
}

/** Runs `generate` and checks that it fails with one line, one hint and nothing on stdout. */
async function expectFailure(args: readonly string[], code: number, name: string): Promise<string> {
  const result = await runCli(['generate', ...args])
  expect(result.stderr).toMatch(new RegExp(`^flexgen: ${name}: [^\n]+\nhint: [^\n]+\n$`))
  expect({ code: result.code, stdout: result.stdout }).toEqual({ code, stdout: '' })
  return result.stderr
}

describe('prompts that cannot be run end with 2', () => {
  it.each([
    [
      'more ids than the 2048 positions of OPT',
      ['--model', 'opt-125m', '--path', '_DUMMY_', '--num-prompts', '1', '--prompt-len', '2048', '--gen-len', '1'],
      'PROMPT_TOO_LONG',
      'prompts of 2048 ids .* 2048 positions of opt-125m',
    ],
    [
      'OPT ids and new tokens that are together too many',
      ['--model', 'opt-125m', '--path', '_DUMMY_', '--prompt-ids', '5', '--gen-len', '2048'],
      'PROMPT_TOO_LONG',
      '1 ids and 2048 new tokens .* 2048 positions',
    ],
    ['random prompts beyond all memory', ['--prompt-len', '9007199254740991'], 'PROMPT_TOO_LONG', '1024 positions'],
    ['more random prompts than memory holds', ['--num-prompts', '9007199254740991'], 'USAGE', '16777216 ids'],
    ['an id outside the vocabulary', ['--prompt-ids', '5,4096'], 'ID_OUT_OF_VOCABULARY', 'id 4096 .* 0 to 4095'],
    ['more positions than the model has', ['--prompt', 'x', '--max-new-tokens', '1024'], 'PROMPT_TOO_LONG', '1024'],
    [
      'a long prompt',
      ['--num-prompts', '1', '--prompt-len', '1024', '--gen-len', '1'],
      'PROMPT_TOO_LONG',
      '1024 positions',
    ],
  ])('%s', async (_, args, name, message) => {
    expect(await expectFailure(args, 2, name)).toMatch(new RegExp(message))
  })

  it('an input that is no text, and one whose line never ends', async () => {
    writeFileSync(inFolder('latin1.jsonl'), Buffer.from('{"prompt":"\u00e9"}', 'latin1'))
    expect(await expectFailure(['--input', inFolder('latin1.jsonl')], 2, 'USAGE')).toContain('not UTF-8')
    writeFileSync(inFolder('endless'), Buffer.alloc(5_000_000))
    expect(await expectFailure(['--input', inFolder('endless')], 2, 'USAGE')).toContain('line 1 has more than')
  })

  it('files that would overwrite each other', async () => {
    writeFileSync(inFolder('one.jsonl'), '{"prompt":"a"}\n')
    const files = ['--input', inFolder('one.jsonl'), '--output', inFolder('one.jsonl')]
    expect(await expectFailure(files, 2, 'USAGE')).toContain('--input and --output are the same file')
    expect(readFileSync(inFolder('one.jsonl'), 'utf8')).toBe('{"prompt":"a"}\n')
  })

  it('a bad line of --input, by its number, and an empty list of ids in one', async () => {
    writeFileSync(inFolder('bad.jsonl'), '{"prompt":"a"}\n{"text":"b"}\n')
    writeFileSync(inFolder('empty.jsonl'), '{"prompt":"a"}\n{"promptIds":[]}\n')
    expect(await expectFailure(['--input', inFolder('bad.jsonl')], 2, 'USAGE')).toContain('bad.jsonl line 2')
    expect(await expectFailure(['--input', inFolder('empty.jsonl')], 2, 'PROMPT_EMPTY')).toContain('line 2')
  })

  it('text for a model without a tokenizer', async () => {
    const args = ['--model', 'opt-125m', '--path', '_DUMMY_', '--prompt', 'x']
    expect(await expectFailure(args, 2, 'USAGE')).toContain('--prompt-ids')
  })
})

describe('budgets that are too small end with 3', () => {
  it('before weights are read: what is needed could never be allocated', async () => {
    const args = ['--model', 'opt-175b', '--path', '_DUMMY_', '--num-prompts', '1', '--max-ram', '1GB']
    expect(await expectFailure([...args, '--backend', 'reference'], 3, 'INFEASIBLE')).toContain('--max-ram allows')
  })

  it('RAM and device memory of a small model', async () => {
    const args = ['--prompt', 'x', '--backend', 'reference']
    const onDevice = ['--percent', '100', '0', '100', '0', '100', '0']
    await expectFailure([...args, ...onDevice, '--max-ram', '20MB'], 3, 'INFEASIBLE')
    await expectFailure([...args, ...onDevice, '--max-device-memory', '20MB'], 3, 'INFEASIBLE')
    const onDisk = ['--percent', '100', '0', '0', '0', '100', '0', '--gen-len', '100']
    expect(await expectFailure([...args, ...onDisk, '--max-disk', '100kB'], 3, 'INFEASIBLE')).toContain('--max-disk')
  })

  it('and cost no results of the run before', async () => {
    writeFileSync(inFolder('results.jsonl'), 'precious\n')
    await expectFailure(['--prompt', 'x', '--max-ram', '1MB', '--output', inFolder('results.jsonl')], 3, 'INFEASIBLE')
    expect(readFileSync(inFolder('results.jsonl'), 'utf8')).toBe('precious\n')
  })
})

describe('what is not there ends with 4', () => {
  it('a model, with the places that were looked at', async () => {
    const message = await expectFailure(['--prompt', 'x', '--model', 'nowhere', '--path', folder], 4, 'MODEL_NOT_FOUND')
    expect(message).toContain(inFolder('nowhere'))
  })

  it('a size that is none, with those there are', async () => {
    const args = ['--num-prompts', '1', '--model', 'opt-7b', '--path', '_DUMMY_']
    expect(await expectFailure(args, 4, 'MODEL_NOT_FOUND')).toContain('opt-6.7b')
  })

  it('weights of a folder', async () => {
    mkdirSync(inFolder('bare'))
    cpSync(path.join(demoModelPath, 'config.json'), inFolder('bare', 'config.json'))
    expect((await runCli(['generate', '--prompt-ids', '5', '--model', inFolder('bare')])).code).toBe(4)
  })

  it.each(['--input', '--output', '--trace'])('the file or folder of %s', async (flag) => {
    const file = inFolder('none', 'file.jsonl')
    expect(
      await expectFailure([...(flag === '--input' ? [] : ['--prompt', 'x']), flag, file], 4, 'FILE_NOT_FOUND'),
    ).toContain(file)
  })
})

describe('a backend that is not there ends with 5', () => {
  /** As where these packages are not installed. */
  const without = (...names: readonly string[]) => {
    const hooks = `
      import { registerHooks } from 'node:module'
      const missing = ${JSON.stringify(names)}
      const fail = (name) => { throw Object.assign(new Error(\`Cannot find package '\${name}'\`), { code: 'ERR_MODULE_NOT_FOUND' }) }
      registerHooks({ resolve: (specifier, context, next) => missing.includes(specifier) ? fail(specifier) : next(specifier, context) })`
    return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(hooks)}` }
  }
  const native = '@flexgen/backend-native'
  const name = '@flexgen/backend-onnxruntime'
  const env = without(name)
  const args = ['generate', '--prompt', 'x', '--gen-len', '1']

  it.each([
    ['asked for by name', ['--backend', 'onnxruntime'], 'PACKAGE_NOT_FOUND', `npm install ${name}`],
    ['asked for by its API', ['--api', 'c'], 'BACKEND_UNAVAILABLE', 'doctor'],
  ])('%s', async (_, flags, code, hint) => {
    const result = await runCli([...args, ...flags], { env })
    expect(result.stderr).toMatch(new RegExp(`^flexgen: ${code}: [^\n]*not installed\nhint: [^\n]*${hint}[^\n]*\n$`))
    expect({ code: result.code, stdout: result.stdout }).toEqual({ code: 5, stdout: '' })
  })

  it('and auto takes the next one, and says so', async () => {
    const first = await runCli(args, { env: without(native) })
    expect(first.code).toBe(0)
    expect(first.stderr).toMatch(
      /\ndemo on onnxruntime [^]*\nnote: backend native does not work here: .*fell back to onnxruntime \(.*npm install .*\)\n/,
    )
    const second = await runCli(args, { env: without(native, name, '@flexgen/backend-tfjs') })
    expect(second.code).toBe(0)
    expect(second.stderr).toMatch(/\ndemo on reference [^]*\nnote: backend native does not work here: .*\n/)
    expect(second.stderr).toMatch(/\nnote: backend onnxruntime does not work here: .*fell back to reference \(.*\)\n/)
  })

  it('shows in doctor, with what helps', async () => {
    const { code, stdout } = await runCli(['doctor'], { env })
    expect(code).toBe(0)
    expect(stdout).toMatch(
      new RegExp(`onnxruntime \\(c API\\) +no\n[^\n]*not installed\n +hint: npm install ${name}\n`),
    )
  })
})

describe('a place that cannot be written ends with 6', () => {
  it('an offload directory below a file', async () => {
    writeFileSync(inFolder('a-file'), 'precious')
    const place = inFolder('a-file', 'offload')
    const args = ['--prompt', 'x', '--percent', '0', '0', '0', '0', '0', '0', '--offload-dir', place]
    expect(await expectFailure(args, 6, 'NOT_WRITABLE')).toContain(place)
  })

  it('an output that is a folder', async () => {
    expect((await runCli(['generate', '--prompt', 'x', '--output', folder])).code).toBe(6)
  })
})

describe('damaged data ends with 7', () => {
  it.each<[string, (folder: string) => void]>([
    ['weights that end early', (model) => truncateSync(path.join(model, 'model.safetensors'), 10_000_000)],
    [
      'weights that are no safetensors',
      (model) => writeFileSync(path.join(model, 'model.safetensors'), 'x'.repeat(99)),
    ],
    ['a config that is no JSON', (model) => writeFileSync(path.join(model, 'config.json'), '{')],
    ['a config of another kind', (model) => writeFileSync(path.join(model, 'config.json'), '{"model_type":"llama"}')],
    ['a tokenizer that is no JSON', (model) => writeFileSync(path.join(model, 'tokenizer.json'), '{')],
  ])('%s', async (name, damage) => {
    const model = damagedModel(name.replaceAll(' ', '-'), damage)
    const { code, stdout, stderr } = await runCli(['generate', '--prompt', 'x', '--model', model])
    expect({ code, stdout }).toEqual({ code: 7, stdout: '' })
    expect(stderr).toMatch(/^flexgen: (CORRUPT|UNSUPPORTED)_DATA: [^\n]+\nhint: [^\n]+\n$/)
  })
})

describe('what an error shows', () => {
  it('is one line that cannot command the terminal', async () => {
    const message = await expectFailure(['--prompt', 'x', '--model', 'a\u001b[2Jb\nc'], 4, 'MODEL_NOT_FOUND')
    expect(message).toContain(String.raw`'a\x1b[2Jb c'`)
  })

  it('of a bug that nothing awaits is the same, with 1', async () => {
    // As soon as the command is there to hear of it.
    const isHeard = `process.listenerCount('uncaughtException') > 0`
    const crash = `data:text/javascript,setInterval(() => { if (${isHeard}) throw new RangeError('boom') }, 5)`
    const env = { NODE_OPTIONS: `--import="${crash}"` }
    const { code, stderr } = await runCli(['generate', '--prompt', 'x', '--gen-len', '900', '--ignore-eos'], { env })
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^flexgen: INTERNAL: boom\nhint: .+\n$/),
    })
  })

  it('is a stack only with --verbose 3', async () => {
    const { code, stderr } = await runCli(['generate', '--prompt-ids', '9999', '--verbose', '3'])
    expect(code).toBe(2)
    expect(stderr).toMatch(/\n\w*Error: .*\n {4}at /)
  })

  it('leaves no folder behind that was asked for in vain', () => expect(readdirSync(folder)).not.toContain('none'))
})
