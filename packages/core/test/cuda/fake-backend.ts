import { execFileSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { createOnnxRuntimeCudaBackend } from '@flexgen/backend-onnxruntime'
import type { Backend } from '@flexgen/spec'

const source = fileURLToPath(new URL('../../../backend-onnxruntime/test/cuda/fake-cuda.c', import.meta.url))
let built: string | undefined

/** A CUDA backend on a driver whose device memory is host memory; it computes with ONNX Runtime on the CPU. */
export function createFakeBackend(): Promise<Backend> {
  if (built === undefined) {
    built = path.join(mkdtempSync(path.join(tmpdir(), 'flexgen-fake-cuda-')), 'libfakecuda.so')
    execFileSync(process.env['CC'] || 'cc', ['-shared', '-fPIC', '-O1', '-o', built, source, '-lm'])
  }
  return createOnnxRuntimeCudaBackend({ driverPath: built, sessionProvider: 'cpu' })
}
