import type { CFunctions, CPointer } from '../../ffi/c-functions.ts'

/** The functions of cuBLASLt that this package calls; a status that is no success throws. */
export interface CublasLtFunctions {
  create(out: CPointer): void
  destroy(handle: bigint): void
  createLayout(out: CPointer, type: number, rows: number, columns: number, leading: number): void
  destroyLayout(layout: bigint): void
  createDescription(out: CPointer, computeType: number, scaleType: number): void
  setDescription(description: bigint, attribute: number, value: CPointer, byteLength: number): void
  destroyDescription(description: bigint): void
  createPreference(out: CPointer): void
  setPreference(preference: bigint, attribute: number, value: CPointer, byteLength: number): void
  destroyPreference(preference: bigint): void
  /** Gives the best ways to multiply that it knows, as `cublasLtMatmulHeuristicResult_t`, and how many they are. */
  chooseAlgorithms(
    handle: bigint,
    description: bigint,
    a: bigint,
    b: bigint,
    c: bigint,
    d: bigint,
    preference: bigint,
    most: number,
    results: CPointer,
    found: CPointer,
  ): void
  /** `d = epilogue(alpha a b + beta c)`, column by column. */
  multiply(
    handle: bigint,
    description: bigint,
    alpha: CPointer,
    a: bigint,
    aLayout: bigint,
    b: bigint,
    bLayout: bigint,
    beta: CPointer,
    c: bigint,
    cLayout: bigint,
    d: bigint,
    dLayout: bigint,
    algorithm: CPointer,
    workspace: bigint,
    workspaceBytes: number,
    stream: bigint,
  ): void
}

/** Symbols and C types, the same in CUDA 12 and 13 (cublasLt.h). */
export const cublasLtFunctions: CFunctions<CublasLtFunctions> = {
  create: ['cublasLtCreate', ['pointer']],
  destroy: ['cublasLtDestroy', ['address']],
  createLayout: ['cublasLtMatrixLayoutCreate', ['pointer', 'int', 'size', 'size', 'size']],
  destroyLayout: ['cublasLtMatrixLayoutDestroy', ['address']],
  createDescription: ['cublasLtMatmulDescCreate', ['pointer', 'int', 'int']],
  setDescription: ['cublasLtMatmulDescSetAttribute', ['address', 'int', 'pointer', 'size']],
  destroyDescription: ['cublasLtMatmulDescDestroy', ['address']],
  createPreference: ['cublasLtMatmulPreferenceCreate', ['pointer']],
  setPreference: ['cublasLtMatmulPreferenceSetAttribute', ['address', 'int', 'pointer', 'size']],
  destroyPreference: ['cublasLtMatmulPreferenceDestroy', ['address']],
  chooseAlgorithms: [
    'cublasLtMatmulAlgoGetHeuristic',
    ['address', 'address', 'address', 'address', 'address', 'address', 'address', 'int', 'pointer', 'pointer'],
  ],
  multiply: [
    'cublasLtMatmul',
    [
      ...(['address', 'address', 'pointer'] as const),
      ...(['address', 'address', 'address', 'address', 'pointer'] as const),
      ...(['address', 'address', 'address', 'address'] as const),
      ...(['pointer', 'address', 'size', 'address'] as const),
    ],
  ],
}

/** Numbers of cublasLt.h and library_types.h. */
export const cublasLt = {
  types: { float32: 0, float16: 2, bfloat16: 14 },
  computeFloat32: 68,
  transpose: 1,
  description: { transposeA: 3, epilogue: 7, biasPointer: 8 },
  epilogue: { none: 1, relu: 2, bias: 4 },
  preference: { workspaceBytes: 1, reductions: 3, alignments: [5, 6, 7, 8] },
  /** Sums of parts are kept in the compute type, never in that of the result. */
  wideReductions: 2,
} as const

/** Bytes of `cublasLtMatmulHeuristicResult_t`: the algorithm, the workspace it takes, and more. */
export const heuristicBytes = 96
/** Bytes of `cublasLtMatmulAlgo_t`. */
export const algorithmBytes = 64
