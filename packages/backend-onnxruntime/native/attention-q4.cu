// Attention on caches of 4-bit groups along the head dim. Built to attention-q4.ptx by scripts/build-ptx.py.
#include "attention.cuh"

/** Grid (seq, batch): the keys and values of one new token as groups to their place in the cache row. */
template <typename T>
static __device__ void append(const AttentionParams& p) {
  typedef typename T::Value Value;
  const Row row = ((const Row*)p.rows)[blockIdx.y];
  const int token = blockIdx.x, lane = threadIdx.x & 7;
  const int groups = groupsOf(p.headDim), items = 2 * p.kvHeads * groups;
  const u64 from = ((u64)blockIdx.y * p.seq + token) * p.kvHeads * p.headDim;
  // Eight lanes a group; those of a warp stay together, as they exchange values.
  for (int base = (threadIdx.x >> 5) * 4; base < items; base += warps * 4) {
    const int item = base + ((threadIdx.x & 31) >> 3);
    const bool isValue = item >= items / 2;
    const int head = item % (items / 2) / groups, group = item % groups;
    const int d0 = group * groupValues + lane * 8;
    const u64 at = from + (u64)head * p.headDim + d0;
    const Value* source = (const Value*)(isValue ? p.v : p.k) + at;
    const bool isThere = item < items;
    float values[8];
    for (int i = 0; i < 8; i++) values[i] = isThere && token < row.count && d0 + i < p.headDim ? T::get(source[i]) : 0.0f;
    u32 word, scales;
    quantizeGroup(values, &word, &scales);
    if (!isThere) continue;
    if (token < row.count) {
      const u64 place = (u64)head * p.maxPositions + row.start + token;
      u32* to = (u32*)(isValue ? row.values : row.keys) + (place * groups + group) * groupWords;
      to[lane] = word;
      if (lane == 0) to[8] = scales;
    }
    const u64 kept = isValue ? p.keptValues : p.keptKeys;
    if (kept == 0) continue;
    const float scale = widenHalf((u16)scales), least = widenHalf((u16)(scales >> 16));
    for (int i = 0; i < 8; i++)
      if (d0 + i < p.headDim) ((Value*)kept)[at + i] = T::put(least + nibble(word, i) * scale);
  }
}

/** Product of eight values of q, whose sum is known, with a word of a group. */
static __device__ float product(const float* q, float qSum, const u32* group, int word) {
  const u32 packed = group[word], scales = group[8];
  float sum = 0;
  for (int i = 0; i < 8; i++) sum += q[i] * nibble(packed, i);
  return widenHalf((u16)(scales >> 16)) * qSum + widenHalf((u16)scales) * sum;
}

/** A cache of 4-bit groups. */
struct Groups {
  /** Eight lanes a position, which have two groups of q at hand; gives the largest product that the thread has seen. */
  static __device__ float score(const float* q, int dim, u64 keyRows, u64 first, int length, float* weights) {
    const int groups = groupsOf(dim);
    const u32* keys = (const u32*)keyRows + first * groups * groupWords;
    const int warp = threadIdx.x >> 5, team = (threadIdx.x & 31) >> 3, lane = threadIdx.x & 7;
    float most = -3.4e38f;
    for (int g = 0; g < groups; g += 2) {
      const bool isPair = g + 1 < groups, isLast = g + 2 >= groups;
      float one[8], two[8], oneSum = 0, twoSum = 0;
      for (int i = 0; i < 8; i++) {
        oneSum += one[i] = q[g * groupValues + lane * 8 + i];
        twoSum += two[i] = isPair ? q[(g + 1) * groupValues + lane * 8 + i] : 0.0f;
      }
#pragma unroll 2
      for (int base = warp * 4; base < length; base += warps * 4) {
        const int position = base + team;
        float sum = 0;
        if (position < length) {
          const u32* group = keys + ((u64)position * groups + g) * groupWords;
          sum = product(one, oneSum, group, lane);
          if (isPair) sum += product(two, twoSum, group + groupWords, lane);
        }
        for (int other = 4; other > 0; other >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, other);
        if (position >= length || lane != 0) continue;
        if (g > 0) sum += weights[position];
        weights[position] = sum;
        if (isLast) most = fmaxf(most, sum);
      }
    }
    return most;
  }

  /** Values by their weights, over `total`. Threads share the words of a position, and groups of them the positions. */
  template <typename T>
  static __device__ void sum(const float* weights, int dim, u64 valueRows, u64 first, int length, float* partial,
                             float total, typename T::Value* y) {
    const int groups = groupsOf(dim), words = groups * 8;
    const u32* values = (const u32*)valueRows + first * groups * groupWords;
    const int columns = words < threads ? words : threads;
    const int shares = threads / columns, share = threadIdx.x / columns;
    for (int base = 0; base < words; base += columns) {
      const int word = base + threadIdx.x % columns;
      float sums[8] = {0, 0, 0, 0, 0, 0, 0, 0}, leasts = 0;
      if (share < shares && word < words) {
#pragma unroll 2
        for (int i = share; i < length; i += shares) {
          const u32* group = values + ((u64)i * groups + (word >> 3)) * groupWords;
          const u32 packed = group[word & 7], scales = group[8];
          const float scale = weights[i] * widenHalf((u16)scales);
          leasts += weights[i] * widenHalf((u16)(scales >> 16));
          for (int j = 0; j < 8; j++) sums[j] += scale * nibble(packed, j);
        }
      }
      __syncthreads();
      for (int j = 0; j < 8; j++) partial[threadIdx.x * 8 + j] = sums[j] + leasts;
      __syncthreads();
      for (int i = threadIdx.x; i < columns * 8 && base * 8 + i < dim; i += threads) {
        float sum = 0;
        for (int other = 0; other < shares; other++) sum += partial[other * columns * 8 + i];
        y[base * 8 + i] = T::put(sum / total);
      }
    }
  }
};

#define KERNELS(NAME, T)                                                     \
  KERNEL(append_##NAME##_q4g64, AttentionParams) { append<T>(p); }           \
  KERNEL(attend_##NAME##_q4g64, AttentionParams) { attend<T, Groups>(p); }

KERNELS(float32, F32)
KERNELS(float16, F16)
KERNELS(bfloat16, BF16)
