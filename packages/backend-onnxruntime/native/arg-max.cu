// Index of the largest value of each row, the first of equals. Built to arg-max.ptx by scripts/build-ptx.py.
#include "common.cuh"

struct ArgMaxParams {
  u64 source;  // [rows, width]
  u64 target;  // int32 [rows]
  int width, unused;
};

/** The largest value that was seen, and its index; NaN is not larger than anything. */
struct Largest {
  float value;
  u32 index;
  /** Values of one thread come in order: the first of equals stays. */
  __device__ void see(float other, u32 at) {
    if (!(other > value)) return;
    value = other;
    index = at;
  }
  __device__ void merge(float other, u32 at) {
    if (!(other > value || (other == value && at < index))) return;
    value = other;
    index = at;
  }
};

static __device__ float negativeInfinity() { return __uint_as_float(0xff800000u); }

static __device__ Largest largestOfWarp(Largest own) {
  for (int lane = 16; lane > 0; lane >>= 1)
    own.merge(__shfl_xor_sync(0xffffffffu, own.value, lane), __shfl_xor_sync(0xffffffffu, own.index, lane));
  return own;
}

/** Grid (rows): a block each. Values to the first address that 16 divides one by one, then 16 bytes at a time. */
template <typename T>
static __device__ void argMax(const ArgMaxParams& p) {
  typedef typename T::Value Value;
  const int perQuad = sizeof(Quad) / sizeof(Value);
  extern __shared__ float memory[];
  const Value* row = (const Value*)p.source + (u64)blockIdx.x * p.width;
  const int before = (int)((16 - (u64)row % 16) % 16 / sizeof(Value));
  const int head = before < p.width ? before : p.width;
  const int quads = (p.width - head) / perQuad, tail = head + quads * perQuad;
  const Quad* wide = (const Quad*)(row + head);
  // Where nothing is larger, the first value is the answer.
  Largest own = {negativeInfinity(), 0};
  if (threadIdx.x < head) own.see(T::get(row[threadIdx.x]), threadIdx.x);
#pragma unroll 4
  for (int i = threadIdx.x; i < quads; i += threads) {
    const Quad quad = wide[i];
#pragma unroll
    for (int j = 0; j < perQuad; j++) own.see(T::part(quad, j), head + i * perQuad + j);
  }
  if (tail + threadIdx.x < p.width) own.see(T::get(row[tail + threadIdx.x]), tail + threadIdx.x);
  own = largestOfWarp(own);
  u32* indices = (u32*)(memory + warps);
  if ((threadIdx.x & 31) == 0) {
    memory[threadIdx.x >> 5] = own.value;
    indices[threadIdx.x >> 5] = own.index;
  }
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (int warp = 1; warp < warps; warp++) own.merge(memory[warp], indices[warp]);
  ((int*)p.target)[blockIdx.x] = (int)own.index;
}

KERNEL(arg_max_float32, ArgMaxParams) { argMax<F32>(p); }
KERNEL(arg_max_float16, ArgMaxParams) { argMax<F16>(p); }
KERNEL(arg_max_bfloat16, ArgMaxParams) { argMax<BF16>(p); }
