import { createEngine } from 'flexgen'
import { gpt2Family } from './src/index.ts'

await using engine = await createEngine({
  // A folder with config, weights and tokenizer: the tiny checkpoint here, or a published GPT-2 that you have.
  model: process.argv[2] ?? 'fixtures/tiny',
  families: [gpt2Family],
  backend: 'reference',
  // Half of the weights on disk, half of the KV cache in RAM.
  policy: { percent: [0, 50, 50, 50, 100, 0] },
})
for await (const event of engine.generate(['The', 'Paris is the capital city of'], { maxNewTokens: 16 })) {
  if (event.type === 'result') console.log(JSON.stringify(event.result))
}
