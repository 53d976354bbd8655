import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { createOnnxRuntimeCudaBackend } from '@flexgen/backend-onnxruntime'
import type { Backend } from '@flexgen/spec'

const source = fileURLToPath(new URL('../../../backend-onnxruntime/test/cuda/fake-cuda.c', import.meta.url))
let built: string | undefined

/** A driver whose device memory is host memory; compiled once for each process. */
export function fakeDriverPath(): string {
  if (built !== undefined) return built
  const folder = mkdtempSync(path.join(tmpdir(), 'flexgen-fake-cuda-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  built = path.join(folder, 'libfakecuda.so')
  execFileSync(process.env['CC'] || 'cc', ['-shared', '-fPIC', '-O1', '-o', built, source, '-lm'])
  return built
}

/** A CUDA backend on that driver; it computes with ONNX Runtime on the CPU. */
export function createFakeBackend(): Promise<Backend> {
  return createOnnxRuntimeCudaBackend({ driverPath: fakeDriverPath(), sessionProvider: 'cpu' })
}
