/** An engine of TensorFlow.js. */
export type EngineName = 'cpu' | 'wasm' | 'node' | 'node-gpu' | 'webgpu'

/** What is known of an engine before it is loaded. */
export interface EngineInfo {
  /** Packages that it needs; they bring what they depend on themselves. */
  readonly packages: readonly string[]
  readonly summary: string
}

/** Version that all packages of TensorFlow.js must have: they share the registry of kernels of one core. */
export const tfjsVersion = '4.22.0'

/** The engines by name. */
export const engines: Readonly<Record<EngineName, EngineInfo>> = {
  cpu: {
    packages: ['@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-cpu'],
    summary: 'plain JavaScript',
  },
  wasm: {
    packages: ['@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-wasm'],
    summary: 'WebAssembly with SIMD, one thread',
  },
  node: {
    packages: ['@tensorflow/tfjs-node'],
    summary: 'libtensorflow on the CPU',
  },
  'node-gpu': {
    packages: ['@tensorflow/tfjs-node-gpu'],
    summary: 'libtensorflow on a CUDA card',
  },
  webgpu: {
    packages: ['@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-webgpu', 'webgpu'],
    summary: 'WebGPU through Dawn',
  },
}

/** All engines, in the order of the table. */
export const engineNames: readonly EngineName[] = Object.keys(engines) as EngineName[]

/** Whether a text is the name of an engine. */
export function isEngineName(text: string): text is EngineName {
  return Object.hasOwn(engines, text)
}

/** The command that installs what an engine needs. */
export function installCommand(engine: EngineName): string {
  const packages = engines[engine].packages.map((name) => (name === 'webgpu' ? name : `${name}@${tfjsVersion}`))
  return `npm install ${packages.join(' ')}`
}
