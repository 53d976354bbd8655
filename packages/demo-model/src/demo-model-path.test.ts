import { readFileSync, statSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { demoModelPath, demoPrompts } from './index.ts'

const HIDDEN = 256
const FFN = 1024
const LAYERS = 6
const VOCABULARY = 4096
const POSITIONS = 1024

interface Tensor {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly data_offsets: readonly [number, number]
}

function readJson(file: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(demoModelPath, file), 'utf8')) as Record<string, unknown>
}

function readSafetensors(): { dataBytes: number; tensors: Map<string, Tensor> } {
  const bytes = readFileSync(join(demoModelPath, 'model.safetensors'))
  const headerBytes = Number(bytes.readBigUInt64LE(0))
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + headerBytes)) as Record<string, Tensor>
  const tensors = Object.entries(header).filter(([name]) => name !== '__metadata__')
  return { dataBytes: bytes.length - 8 - headerBytes, tensors: new Map(tensors) }
}

function byOffset(a: Tensor, b: Tensor): number {
  return a.data_offsets[0] - b.data_offsets[0]
}

/** Every tensor that transformers writes for an OPT model of these sizes; the tied head is not stored. */
function expectedShapes(): Map<string, number[]> {
  const shapes = new Map<string, number[]>([
    ['embed_tokens.weight', [VOCABULARY, HIDDEN]],
    ['embed_positions.weight', [POSITIONS + 2, HIDDEN]],
    ['final_layer_norm.weight', [HIDDEN]],
    ['final_layer_norm.bias', [HIDDEN]],
  ])
  const linear = (name: string, outputs: number, inputs: number): void => {
    shapes.set(`${name}.weight`, [outputs, inputs])
    shapes.set(`${name}.bias`, [outputs])
  }
  for (let layer = 0; layer < LAYERS; layer++) {
    const prefix = `layers.${layer}`
    for (const projection of ['q_proj', 'k_proj', 'v_proj', 'out_proj']) {
      linear(`${prefix}.self_attn.${projection}`, HIDDEN, HIDDEN)
    }
    linear(`${prefix}.fc1`, FFN, HIDDEN)
    linear(`${prefix}.fc2`, HIDDEN, FFN)
    for (const norm of ['self_attn_layer_norm', 'final_layer_norm']) {
      shapes.set(`${prefix}.${norm}.weight`, [HIDDEN])
      shapes.set(`${prefix}.${norm}.bias`, [HIDDEN])
    }
  }
  return new Map([...shapes].map(([name, shape]) => [`model.decoder.${name}`, shape]))
}

describe('demo model', () => {
  it('is a folder with the files of an OPT repository, none of them empty', () => {
    expect(isAbsolute(demoModelPath)).toBe(true)
    const files = [
      'config.json',
      'generation_config.json',
      'merges.txt',
      'model.safetensors',
      'special_tokens_map.json',
      'tokenizer.json',
      'tokenizer_config.json',
      'vocab.json',
    ]
    expect(files.filter((file) => statSync(join(demoModelPath, file)).size === 0)).toEqual([])
    expect(statSync(join(demoModelPath, 'model.safetensors')).size).toBeLessThanOrEqual(12_500_000)
  })

  it('is configured as a pre-norm OPT model', () => {
    expect(readJson('config.json')).toMatchObject({
      activation_function: 'relu',
      architectures: ['OPTForCausalLM'],
      bos_token_id: 2,
      do_layer_norm_before: true,
      eos_token_id: 2,
      ffn_dim: FFN,
      hidden_size: HIDDEN,
      max_position_embeddings: POSITIONS,
      model_type: 'opt',
      num_attention_heads: 8,
      num_hidden_layers: LAYERS,
      pad_token_id: 1,
      tie_word_embeddings: true,
      vocab_size: VOCABULARY,
      word_embed_proj_dim: HIDDEN,
    })
  })

  it('holds exactly the tensors of that configuration, in float16 and without gaps', () => {
    const { dataBytes, tensors } = readSafetensors()
    expect(new Map([...tensors].map(([name, tensor]) => [name, tensor.shape]))).toEqual(expectedShapes())
    let end = 0
    for (const { dtype, shape, data_offsets } of [...tensors.values()].toSorted(byOffset)) {
      const sizeBytes = 2 * shape.reduce((product, size) => product * size, 1)
      expect({ dtype, data_offsets }).toEqual({ dtype: 'F16', data_offsets: [end, end + sizeBytes] })
      end += sizeBytes
    }
    expect(end).toBe(dataBytes)
  })

  it('numbers the special tokens as OPT does and starts every text with </s>', () => {
    const vocabulary = readJson('vocab.json')
    expect(Object.keys(vocabulary)).toHaveLength(VOCABULARY)
    expect(vocabulary).toMatchObject({ '<s>': 0, '<pad>': 1, '</s>': 2, '<unk>': 3 })
    const tokenizer = readJson('tokenizer.json') as { model: unknown; post_processor: unknown }
    expect(tokenizer.model).toMatchObject({ type: 'BPE', vocab: vocabulary })
    expect(tokenizer.post_processor).toMatchObject({
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '</s>' } }, { Sequence: { id: 'A' } }],
      special_tokens: { '</s>': { ids: [2] } },
    })
  })

  it('comes with prompts', () => {
    expect(demoPrompts).toContain('Call me Ishmael.')
    expect(new Set(demoPrompts).size).toBe(demoPrompts.length)
    for (const prompt of demoPrompts) expect(prompt).toBe(prompt.trim())
  })
})
