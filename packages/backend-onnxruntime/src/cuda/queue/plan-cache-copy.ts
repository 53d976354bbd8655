import { type CacheRange, dtypeBytes, type PageRange, UsageError } from '@flexgen/spec'
import { checkCacheCopy } from '@flexgen/backend-kit'
import type { CudaContext } from '../cuda-context.ts'
import type { RectangleSide } from '../driver/rectangle.ts'
import type { Work } from './cuda-queue.ts'

/**
 * A copy between a cache row and a host page: a line for each head, keys and values apart.
 * @throws {FlexgenError} `USAGE` for positions outside the row or the page
 */
export function planCudaCacheCopy(
  label: 'copyToCache' | 'copyFromCache',
  range: CacheRange,
  target: PageRange,
  { caches, memory, copyRectangle }: CudaContext,
): Work {
  const { position, count } = range
  const { spec } = range.cache
  const { row, pageBytes } = checkCacheCopy(range, target, (at) => caches.lendRow(at))
  const { page, position: pagePosition } = target
  const host = memory.lendHost({ ...page.span, byteLength: pageBytes }, 'a cache page')
  const positionBytes = dtypeBytes(spec.dtype, spec.headDim)
  const width = count * positionBytes
  const halves = [row.keys, row.values].map((start, half): [RectangleSide, RectangleSide] => [
    {
      memory: 'device',
      address: start + BigInt(position * positionBytes),
      pitch: spec.maxPositions * positionBytes,
    },
    {
      memory: 'host',
      address: host.address + BigInt((half * spec.kvHeads * page.positions + pagePosition) * positionBytes),
      pitch: page.positions * positionBytes,
    },
  ])
  return {
    label,
    sizeBytes: 2 * spec.kvHeads * width,
    isRun: false,
    owners: host.owner === undefined ? [row.owner] : [row.owner, host.owner],
    blocker: () => host.owner?.locking,
    issue(stream) {
      if (host.bytes.byteLength < pageBytes)
        throw new UsageError('a cache page was freed before a copy that uses it', {
          hint: 'pass the events of all operations that use a buffer to free()',
        })
      if (width === 0) return
      for (const [device, side] of halves) {
        if (label === 'copyToCache') copyRectangle(device, side, width, spec.kvHeads, stream)
        else copyRectangle(side, device, width, spec.kvHeads, stream)
      }
    },
  }
}
