// Bytes of page-locked host memory to the device. Built to copy.ptx by scripts/build-ptx.py.
#include "common.cuh"

struct CopyParams {
  u64 source, target;
  int bytes, unused;
};

/** Grid (any): 16 bytes at a time where both addresses and the rest allow it, else one by one. */
KERNEL(copy_bytes, CopyParams) {
  const int first = blockIdx.x * threads + threadIdx.x, step = gridDim.x * threads;
  const int quads = (p.source | p.target) % 16 == 0 ? p.bytes / 16 : 0;
  for (int i = first; i < quads; i += step) ((Quad*)p.target)[i] = ((const Quad*)p.source)[i];
  for (int i = quads * 16 + first; i < p.bytes; i += step) ((u8*)p.target)[i] = ((const u8*)p.source)[i];
}
