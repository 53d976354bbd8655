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

/** Eight values as they lie in memory, at an address that 16 divides. */
template <typename C>
struct Eight {
  static const int perQuad = sizeof(Quad) / sizeof(typename C::Value);
  Quad quads[8 / perQuad];

  static __device__ Eight at(const typename C::Value* from) {
    Eight loaded;
    for (int i = 0; i < 8 / perQuad; i++) loaded.quads[i] = ((const Quad*)from)[i];
    return loaded;
  }
  __device__ float value(int i) const { return C::part(quads[i / perQuad], i % perQuad); }
};

/** Positions that a thread has under way at once, so that memory is kept busy. */
static const int ahead = 4;

/** Heads whose positions are read eight values at a time: those start at addresses that 16 divides. */
static __device__ bool isWide(int dim) { return dim % 8 == 0 && dim <= 256; }

/** A cache of plain values. */
template <typename C>
struct Plain {
  typedef typename C::Value Kept;

  /** Products of q with the keys of all positions; gives the largest that the thread has seen. */
  static __device__ float score(const float* q, int dim, u64 keyRows, u64 first, int length, float* weights) {
    const Kept* keys = (const Kept*)keyRows + first * dim;
    return isWide(dim) ? scoreWide(q, dim, keys, length, weights) : scoreEach(q, dim, keys, length, weights);
  }

  /** Some lanes of a warp share a position, each with eight values of it. */
  static __device__ float scoreWide(const float* q, int dim, const Kept* keys, int length, float* weights) {
    int lanes = 1;
    while (lanes * 8 < dim) lanes *= 2;
    const int team = (threadIdx.x & 31) / lanes, lane = (threadIdx.x & 31) % lanes;
    const int perWarp = 32 / lanes, together = warps * perWarp;
    const bool isThere = lane * 8 < dim;
    float query[8];
    for (int j = 0; j < 8; j++) query[j] = isThere ? q[lane * 8 + j] : 0.0f;
    float most = -3.4e38f;
    for (int base = (threadIdx.x >> 5) * perWarp; base < length; base += ahead * together) {
      Eight<C> loaded[ahead];
#pragma unroll
      for (int i = 0; i < ahead; i++) {
        const int position = base + i * together + team;
        if (isThere && position < length) loaded[i] = Eight<C>::at(keys + (u64)position * dim + lane * 8);
      }
#pragma unroll
      for (int i = 0; i < ahead; i++) {
        const int position = base + i * together + team;
        float sum = 0;
        if (isThere && position < length)
          for (int j = 0; j < 8; j++) sum += query[j] * loaded[i].value(j);
        for (int other = lanes / 2; other > 0; other >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, other);
        if (position >= length) continue;
        if (lane == 0) weights[position] = sum;
        most = fmaxf(most, sum);
      }
    }
    return most;
  }

  /** A warp has four positions at a time, and each lane a value of every 32. */
  static __device__ float scoreEach(const float* q, int dim, const Kept* keys, int length, float* weights) {
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
    if (isWide(dim)) sumWide<T>(weights, dim, values, length, partial, total, y);
    else sumEach<T>(weights, dim, values, length, partial, total, y);
  }

  template <typename T>
  static __device__ void sumWide(const float* weights, int dim, const Kept* values, int length, float* partial,
                                 float total, typename T::Value* y) {
    const int columns = dim / 8, groups = threads / columns;
    const int group = threadIdx.x / columns, column = threadIdx.x % columns;
    float sums[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    for (int base = group; group < groups && base < length; base += ahead * groups) {
      Eight<C> loaded[ahead];
#pragma unroll
      for (int i = 0; i < ahead; i++) {
        const int position = base + i * groups;
        if (position < length) loaded[i] = Eight<C>::at(values + (u64)position * dim + column * 8);
      }
#pragma unroll
      for (int i = 0; i < ahead; i++) {
        const int position = base + i * groups;
        if (position >= length) continue;
        const float weight = weights[position];
        for (int j = 0; j < 8; j++) sums[j] += weight * loaded[i].value(j);
      }
    }
    __syncthreads();
    for (int j = 0; j < 8; j++) partial[threadIdx.x * 8 + j] = sums[j];
    __syncthreads();
    for (int d = threadIdx.x; d < dim; d += threads) {
      float sum = 0;
      for (int other = 0; other < groups; other++) sum += partial[other * dim + d];
      y[d] = T::put(sum / total);
    }
  }

  template <typename T>
  static __device__ void sumEach(const float* weights, int dim, const Kept* values, int length, float* partial,
                                 float total, typename T::Value* y) {
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
