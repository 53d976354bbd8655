import { createEngine } from 'flexgen'
import { createToyBackend } from './src/index.ts'

await using backend = createToyBackend()
await using engine = await createEngine({ backend })
const [result] = await engine.generateAll(['Call me Ishmael.'], { maxNewTokens: 16 })
console.log(result!.text)
