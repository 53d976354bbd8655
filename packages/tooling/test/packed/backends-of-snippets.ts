/** A backend as the README's line takes it, what a program without the front door writes, and what is to be installed. */
export interface SnippetBackend {
  readonly name: string
  readonly packages: readonly [own: string, ...others: string[]]
  /** Of its own package: the function that makes it. */
  readonly factory: string
}

/** The backends that run anywhere, in float32 by default; the first is what the guide takes. */
export const snippetBackends: readonly SnippetBackend[] = [
  { name: 'reference', packages: ['@flexgen/backend-reference'], factory: 'createReferenceBackend' },
  {
    name: 'onnxruntime',
    packages: ['@flexgen/backend-onnxruntime', 'onnxruntime-node@1.30'],
    factory: 'createOnnxRuntimeBackend',
  },
  {
    name: 'tfjs',
    packages: ['@flexgen/backend-tfjs', '@tensorflow/tfjs-core@4.22.0', '@tensorflow/tfjs-backend-wasm@4.22.0'],
    factory: 'createTfjsBackend',
  },
  { name: 'native', packages: ['@flexgen/backend-native'], factory: 'createNativeBackend' },
]
