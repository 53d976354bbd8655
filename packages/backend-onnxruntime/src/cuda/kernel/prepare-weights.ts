import { type HostBuffer, type Span, tensorBytes } from '@flexgen/spec'
import type { CudaContext } from '../cuda-context.ts'
import { CudaBuffer } from '../memory/buffers.ts'
import type { CudaCheckedValue } from './cuda-binding.ts'
import type { HeldWeights } from './cuda-kernel.ts'
import type { CudaProgram } from './cuda-program.ts'
import { checkedValue } from './plan-cuda-run.ts'

/**
 * Copies weights into device memory of a kernel.
 * @throws {FlexgenError} `OUT_OF_MEMORY`; then nothing is held
 */
export async function prepareWeights(
  program: CudaProgram,
  weights: ReadonlyMap<string, Span<HostBuffer>>,
  context: CudaContext,
): Promise<HeldWeights> {
  const { heap, memory, ledger, device, loading } = context
  const { call } = device.driver
  const parts = [...weights].map(([name, span]) => {
    const { dtype, declared } = program.info.values.get(name)!
    const byteLength = tensorBytes(dtype, declared)
    const what = `${program.info.graph.name}: ${name}`
    return { name, declared, byteLength, source: memory.lendHost({ ...span, byteLength }, what) }
  })
  const sizeBytes = parts.reduce((sum, { byteLength }) => sum + byteLength, 0)
  ledger.take('prepared', sizeBytes, `preparing ${program.info.graph.name}`)
  const buffers: CudaBuffer[] = []
  const release = (): void => {
    for (const buffer of buffers) buffer.end()
    ledger.give('prepared', sizeBytes)
  }
  for (const { source } of parts) source.owner?.retain()
  try {
    for (const { source } of parts) await source.owner?.locking
    const values = new Map<string, CudaCheckedValue>()
    for (const { name, declared, byteLength, source } of parts) {
      const address = heap.allocate(byteLength)
      const buffer = new CudaBuffer(address, byteLength, () => heap.free(address))
      buffers.push(buffer)
      call.copyIn(address, source.address, byteLength, loading.stream)
      values.set(name, checkedValue(program, name, { owner: buffer, byteOffset: 0, address }, declared))
    }
    await loading.reached()
    return { values, sizeBytes, release }
  } catch (error) {
    release()
    throw error
  } finally {
    for (const { source } of parts) source.owner?.release()
  }
}
