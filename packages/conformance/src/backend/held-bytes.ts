import type { Backend, MemoryStats } from '@flexgen/spec'

/** What buffers and prepared kernels hold: exact at any time, unlike workspace, which a runtime may keep. */
export function heldBytes(
  backend: Pick<Backend, 'memory'>,
): Pick<MemoryStats, 'deviceBytes' | 'hostBytes' | 'preparedBytes'> {
  const { deviceBytes, hostBytes, preparedBytes } = backend.memory()
  return { deviceBytes, hostBytes, preparedBytes }
}

/** What counts for the memory limit. */
export function limitedBytes(backend: Pick<Backend, 'memory'>): number {
  const { deviceBytes, preparedBytes, workspaceBytes } = backend.memory()
  return deviceBytes + preparedBytes + workspaceBytes
}
