// Attention with a cache whose rows lie anywhere, for what ONNX Runtime's fused operator does not do: rows of several
// caches, float32, prompts in chunks, sparse decode. Built to attention.ptx by scripts/build-ptx.py; no headers needed.

typedef unsigned long long u64;
typedef unsigned short u16;

struct Row {
  u64 keys;    // [kv heads, max positions, head dim]
  u64 values;
  int start;   // position of the first new token
  int count;   // new tokens
  int keep;    // past positions that a sparse decode keeps; -1: all
  int unused;
};

struct Params {
  u64 q, k, v, y;  // [batch * seq, width]
  u64 rows;        // Row [batch]
  int batch, seq, heads, kvHeads, headDim, maxPositions;
  float scale;
  int unused;
};

struct F32 {
  typedef float Value;
  static __device__ float get(float value) { return value; }
  static __device__ float put(float value) { return value; }
};
struct F16 {
  typedef u16 Value;
  static __device__ float get(u16 value) {
    float wide;
    asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(value));
    return wide;
  }
  static __device__ u16 put(float value) {
    u16 narrow;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(narrow) : "f"(value));
    return narrow;
  }
};
struct BF16 {
  typedef u16 Value;
  static __device__ float get(u16 value) { return __uint_as_float((unsigned)value << 16); }
  static __device__ u16 put(float value) {
    unsigned bits = __float_as_uint(value);
    return (u16)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
  }
};

/** Grid (seq, batch): the keys and values of one new token to its place in the cache row. */
template <typename T, typename C>
static __device__ void append(const Params& p) {
  typedef typename T::Value Value;
  typedef typename C::Value Kept;
  const Row row = ((const Row*)p.rows)[blockIdx.y];
  const int token = blockIdx.x;
  if (token >= row.count) return;
  const int width = p.kvHeads * p.headDim;
  const u64 from = ((u64)blockIdx.y * p.seq + token) * width;
  for (int i = threadIdx.x; i < width; i += blockDim.x) {
    const int head = i / p.headDim;
    const u64 to = ((u64)head * p.maxPositions + row.start + token) * p.headDim + (i - head * p.headDim);
    ((Kept*)row.keys)[to] = C::put(T::get(((const Value*)p.k)[from + i]));
    ((Kept*)row.values)[to] = C::put(T::get(((const Value*)p.v)[from + i]));
  }
}

static __device__ float warpSum(float value) {
  for (int lane = 16; lane > 0; lane >>= 1) value += __shfl_xor_sync(0xffffffffu, value, lane);
  return value;
}
static __device__ float warpMax(float value) {
  for (int lane = 16; lane > 0; lane >>= 1) value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, lane));
  return value;
}

static const int threads = 256;
static const int warps = threads / 32;

static __device__ float blockReduce(float value, float* shared, bool isMax) {
  value = isMax ? warpMax(value) : warpSum(value);
  __syncthreads();
  if ((threadIdx.x & 31) == 0) shared[threadIdx.x >> 5] = value;
  __syncthreads();
  float all = shared[0];
  for (int warp = 1; warp < warps; warp++) all = isMax ? fmaxf(all, shared[warp]) : all + shared[warp];
  return all;
}

/** Zeroes all of `past` weights (none negative) but the `keep` largest: a search over their bit patterns. */
static __device__ void keepLargest(float* weights, int past, int keep, float* shared) {
  unsigned limit = 0;
  for (int bit = 30; bit >= 0; bit--) {
    const unsigned higher = limit | (1u << bit);
    float count = 0;
    for (int i = threadIdx.x; i < past; i += threads) count += __float_as_uint(weights[i]) >= higher ? 1.0f : 0.0f;
    if (blockReduce(count, shared, false) >= (float)keep) limit = higher;
  }
  float above = 0;
  for (int i = threadIdx.x; i < past; i += threads) above += __float_as_uint(weights[i]) > limit ? 1.0f : 0.0f;
  const int places = keep - (int)blockReduce(above, shared, false);
  __syncthreads();
  // Of those that are equal to the smallest kept one, the first.
  if (threadIdx.x == 0) {
    int taken = 0;
    for (int i = 0; i < past; i++) {
      const unsigned bits = __float_as_uint(weights[i]);
      if (bits < limit || (bits == limit && (keep == 0 || taken++ >= places))) weights[i] = 0;
    }
  }
  __syncthreads();
}

/** Grid (heads, seq, batch): one query of one head. Shared memory: q, partial sums, then a weight for each position. */
template <typename T, typename C>
static __device__ void attend(const Params& p) {
  typedef typename T::Value Value;
  typedef typename C::Value Kept;
  extern __shared__ float memory[];
  const Row row = ((const Row*)p.rows)[blockIdx.z];
  const int head = blockIdx.x, token = blockIdx.y, dim = p.headDim;
  const u64 at = (((u64)blockIdx.z * p.seq + token) * p.heads + head) * dim;
  Value* y = (Value*)p.y + at;
  if (token >= row.count) {
    for (int d = threadIdx.x; d < dim; d += threads) y[d] = T::put(0);
    return;
  }
  float* q = memory;
  float* partial = q + dim;
  float* shared = partial + threads;
  float* weights = shared + warps;
  const int kvHead = head * p.kvHeads / p.heads;
  const Kept* keys = (const Kept*)row.keys + (u64)kvHead * p.maxPositions * dim;
  const Kept* values = (const Kept*)row.values + (u64)kvHead * p.maxPositions * dim;
  const int length = row.start + token + 1;
  for (int d = threadIdx.x; d < dim; d += threads) q[d] = T::get(((const Value*)p.q)[at + d]) * p.scale;
  __syncthreads();

  const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
  float most = -3.4e38f;
  for (int first = warp * 4; first < length; first += warps * 4) {
    float sums[4] = {0, 0, 0, 0};
    for (int d = lane; d < dim; d += 32) {
      const float query = q[d];
      for (int i = 0; i < 4; i++)
        if (first + i < length) sums[i] += query * C::get(keys[(u64)(first + i) * dim + d]);
    }
    for (int i = 0; i < 4; i++) {
      const float sum = warpSum(sums[i]);
      if (first + i >= length) continue;
      if (lane == 0) weights[first + i] = sum;
      most = fmaxf(most, sum);
    }
  }
  most = blockReduce(most, shared, true);
  float total = 0;
  for (int i = threadIdx.x; i < length; i += threads) {
    const float weight = __expf(weights[i] - most);
    weights[i] = weight;
    total += weight;
  }
  total = blockReduce(total, shared, false);
  __syncthreads();
  if (row.keep >= 0 && row.keep < length - 1) keepLargest(weights, length - 1, row.keep, shared);

  // Threads share the head dim, and groups of them the positions.
  const int columns = dim < threads ? dim : threads;
  const int groups = threads / columns;
  const int group = threadIdx.x / columns;
  for (int d0 = 0; d0 < dim; d0 += columns) {
    const int d = d0 + threadIdx.x % columns;
    float sum = 0;
    if (group < groups && d < dim) {
#pragma unroll 4
      for (int i = group; i < length; i += groups) sum += weights[i] * C::get(values[(u64)i * dim + d]);
    }
    __syncthreads();
    partial[threadIdx.x] = sum;
    __syncthreads();
    if (group == 0 && d < dim) {
      for (int other = 1; other < groups; other++) sum += partial[other * columns + threadIdx.x % columns];
      y[d] = T::put(sum / total);
    }
  }
}

/** By the type of activations, then that of the cache. */
#define KERNELS(NAME, T, CACHE, C)                                                                \
  extern "C" __global__ void append_##NAME##_##CACHE(const Params p) { append<T, C>(p); }         \
  extern "C" __global__ void __launch_bounds__(256) attend_##NAME##_##CACHE(const Params p) { attend<T, C>(p); }
#define ALL_CACHES(NAME, T) \
  KERNELS(NAME, T, float32, F32) KERNELS(NAME, T, float16, F16) KERNELS(NAME, T, bfloat16, BF16)

ALL_CACHES(float32, F32)
ALL_CACHES(float16, F16)
ALL_CACHES(bfloat16, BF16)
