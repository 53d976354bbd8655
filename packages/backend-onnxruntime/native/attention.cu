// Attention on caches of plain values. Built to attention.ptx by scripts/build-ptx.py.
#include "attention.cuh"

template <typename A, typename B>
struct Same {
  static const bool value = false;
};
template <typename A>
struct Same<A, A> {
  static const bool value = true;
};

/** Grid (seq, batch): the keys and values of one new token to its place in the cache row. */
template <typename T, typename C>
static __device__ void append(const AttentionParams& p) {
  typedef typename T::Value Value;
  typedef typename C::Value Kept;
  const Row row = ((const Row*)p.rows)[blockIdx.y];
  const int token = blockIdx.x;
  const bool isNew = token < row.count;
  const int width = p.kvHeads * p.headDim;
  const u64 from = ((u64)blockIdx.y * p.seq + token) * width;
  const u64 first = ((u64)row.start + token) * p.headDim, headValues = (u64)p.maxPositions * p.headDim;
  const int perQuad = sizeof(Quad) / sizeof(Value);
  if (Same<T, C>::value && p.headDim % perQuad == 0) {
    const Quad zero = {{0, 0, 0, 0}};
    const int quads = p.headDim / perQuad;
    for (int i = threadIdx.x; i < p.kvHeads * quads; i += blockDim.x) {
      const int head = i / quads;
      const u64 to = head * headValues + first + (u64)(i - head * quads) * perQuad;
      const u64 at = from + (u64)i * perQuad;
      const Quad key = isNew ? *(const Quad*)((const Value*)p.k + at) : zero;
      const Quad value = isNew ? *(const Quad*)((const Value*)p.v + at) : zero;
      if (isNew) {
        *(Quad*)((Kept*)row.keys + to) = key;
        *(Quad*)((Kept*)row.values + to) = value;
      }
      if (p.keptKeys != 0) *(Quad*)((Value*)p.keptKeys + at) = key;
      if (p.keptValues != 0) *(Quad*)((Value*)p.keptValues + at) = value;
    }
    return;
  }
  for (int i = threadIdx.x; i < width; i += blockDim.x) {
    const int head = i / p.headDim;
    const u64 to = head * headValues + first + (i - head * p.headDim);
    const Kept key = C::put(isNew ? T::get(((const Value*)p.k)[from + i]) : 0.0f);
    const Kept value = C::put(isNew ? T::get(((const Value*)p.v)[from + i]) : 0.0f);
    if (isNew) {
      ((Kept*)row.keys)[to] = key;
      ((Kept*)row.values)[to] = value;
    }
    if (p.keptKeys != 0) ((Value*)p.keptKeys)[from + i] = T::put(C::get(key));
    if (p.keptValues != 0) ((Value*)p.keptValues)[from + i] = T::put(C::get(value));
  }
}

/** A cache of plain values. */
template <typename C>
struct Plain {
  typedef typename C::Value Kept;
  static const int partialSums = threads;

  /** Products of q with the keys of all positions; gives the largest that the thread has seen. */
  static __device__ float score(const float* q, int dim, u64 keyRows, u64 first, int length, float* weights) {
    const Kept* keys = (const Kept*)keyRows + first * dim;
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
    float most = -3.4e38f;
    for (int start = warp * 4; start < length; start += warps * 4) {
      float sums[4] = {0, 0, 0, 0};
      for (int d = lane; d < dim; d += 32) {
        const float query = q[d];
        for (int i = 0; i < 4; i++)
          if (start + i < length) sums[i] += query * C::get(keys[(u64)(start + i) * dim + d]);
      }
      for (int i = 0; i < 4; i++) {
        const float sum = warpSum(sums[i]);
        if (start + i >= length) continue;
        if (lane == 0) weights[start + i] = sum;
        most = fmaxf(most, sum);
      }
    }
    return most;
  }

  /** Values by their weights, over `total`. Threads share the head dim, and groups of them the positions. */
  template <typename T>
  static __device__ void sum(const float* weights, int dim, u64 valueRows, u64 first, int length, float* partial,
                             float total, typename T::Value* y) {
    const Kept* values = (const Kept*)valueRows + first * dim;
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
};

/** By the type of activations, then that of the cache. */
#define KERNELS(NAME, T, CACHE, C)                                                     \
  KERNEL(append_##NAME##_##CACHE, AttentionParams) { append<T, C>(p); }                \
  KERNEL(attend_##NAME##_##CACHE, AttentionParams) { attend<T, Plain<C>>(p); }
#define ALL_CACHES(NAME, T) \
  KERNELS(NAME, T, float32, F32) KERNELS(NAME, T, float16, F16) KERNELS(NAME, T, bfloat16, BF16)

ALL_CACHES(float32, F32)
ALL_CACHES(float16, F16)
ALL_CACHES(bfloat16, BF16)
