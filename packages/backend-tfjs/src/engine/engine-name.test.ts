import { createRequire } from 'node:module'
import { expect, it } from 'vitest'
import { engineNames, engines, installCommand, tfjsVersion } from './engine-name.ts'

it('asks for the version of TensorFlow.js that is tested here', () => {
  const { version } = createRequire(import.meta.url)('@tensorflow/tfjs-core/package.json') as { version: string }
  expect(tfjsVersion).toBe(version)
})

it('names every package of an engine in its command', () => {
  expect(installCommand('wasm')).toBe(
    `npm install @tensorflow/tfjs-core@${tfjsVersion} @tensorflow/tfjs-backend-wasm@${tfjsVersion}`,
  )
  for (const name of engineNames)
    for (const packageName of engines[name].packages) expect(installCommand(name)).toContain(packageName)
})
