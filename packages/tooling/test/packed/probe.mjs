// Runs in a project of a test: makes an engine for each case of its argument, a record of options, and prints what came
// of each: the text, or the error.
import { createEngine } from 'flexgen'

async function textOf(options) {
  const policy = { percent: [0, 50, 0, 100, 0, 100], gpuBatchSize: 1, numGpuBatches: 1 }
  const engine = await createEngine({ policy, ...options })
  try {
    let text = ''
    for await (const event of engine.generate('Call me Ishmael.', { maxNewTokens: 3 }))
      if (event.type === 'result') text = event.result.text
    return { text }
  } finally {
    await engine[Symbol.asyncDispose]()
  }
}

const results = {}
for (const [name, options] of Object.entries(JSON.parse(process.argv[2])))
  results[name] = await textOf(options).catch(({ code, exitCode, hint }) => ({ code, exitCode, hint }))
process.stdout.write(JSON.stringify(results))
