// Attention with a cache whose rows lie anywhere. New keys and values of prompts are brought there whoever attends; to attend
// is for what ONNX Runtime's fused operators do not do: rows of several caches, caches of another dtype, float32, prompts in
// chunks, sparse decode. A module of its own for each form of cache, which says how keys meet a query and how values are
// summed.
#pragma once
#include "reduce.cuh"

struct Row {
  u64 keys;    // [kv heads, max positions, head dim]
  u64 values;
  int start;   // position of the first new token
  int count;   // new tokens
  int keep;    // past positions that a sparse decode keeps; -1: all
  int unused;
};

struct AttentionParams {
  u64 q, k, v, y;        // [batch * seq, width]
  u64 keptKeys, keptValues;  // like k and v: as the cache holds them, 0 behind the new tokens; a null: not wanted
  u64 rows;              // Row [batch]
  int batch, seq, heads, kvHeads, headDim, maxPositions;
  float scale;
  int unused;
};

/** Zeroes all of `past` weights (none negative) but the `keep` largest: a search over their bit patterns. */
static __device__ void keepLargest(float* weights, int past, int keep, float* shared) {
  u32 limit = 0;
  for (int bit = 30; bit >= 0; bit--) {
    const u32 higher = limit | (1u << bit);
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
      const u32 bits = __float_as_uint(weights[i]);
      if (bits < limit || (bits == limit && (keep == 0 || taken++ >= places))) weights[i] = 0;
    }
  }
  __syncthreads();
}

/**
 * Grid (heads, seq, batch): one query of one head. Shared memory: q in whole groups, partial sums, sums of warps, then a
 * weight for each position.
 */
template <typename T, typename Cache>
static __device__ void attend(const AttentionParams& p) {
  typedef typename T::Value Value;
  extern __shared__ float memory[];
  const Row row = ((const Row*)p.rows)[blockIdx.z];
  const int head = blockIdx.x, token = blockIdx.y, dim = p.headDim;
  const u64 at = (((u64)blockIdx.z * p.seq + token) * p.heads + head) * dim;
  Value* y = (Value*)p.y + at;
  if (token >= row.count) {
    for (int d = threadIdx.x; d < dim; d += threads) y[d] = T::put(0);
    return;
  }
  const int room = groupsOf(dim) * groupValues;
  float* q = memory;
  float* partial = q + room;
  float* shared = partial + threads * 8;
  float* weights = shared + warps;
  const int kvHead = head * p.kvHeads / p.heads;
  const int length = row.start + token + 1;
  for (int d = threadIdx.x; d < room; d += threads) q[d] = d < dim ? T::get(((const Value*)p.q)[at + d]) * p.scale : 0;
  __syncthreads();
  const u64 first = (u64)kvHead * p.maxPositions;
  const float most = blockReduce(Cache::score(q, dim, row.keys, first, length, weights), shared, true);
  float total = 0;
  for (int i = threadIdx.x; i < length; i += threads) {
    const float weight = __expf(weights[i] - most);
    weights[i] = weight;
    total += weight;
  }
  total = blockReduce(total, shared, false);
  __syncthreads();
  if (row.keep >= 0 && row.keep < length - 1) keepLargest(weights, length - 1, row.keep, shared);
  Cache::template sum<T>(weights, dim, row.values, first, length, partial, total, y);
}
