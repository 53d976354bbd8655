// 4-bit groups to plain values and back, for what ONNX Runtime does not do with groups of FlexGen's form: weights before
// the product that reads them, rows of tables, and the two operators. Built to groups.ptx by scripts/build-ptx.py.
#include "common.cuh"

struct GroupParams {
  u64 source, target;
  u64 indices;  // of the rows that gather reads, int32
  int rows;     // of plain values; those that gather writes
  int width;    // values of a row
  int indexOffset, unused;
};

/** Grid (rows, groups of a row / 32 rounded up): groups along the width. */
template <typename T>
static __device__ void quantizeRows(const GroupParams& p) {
  const int lane = threadIdx.x & 7, groups = groupsOf(p.width);
  const int group = blockIdx.y * (threads / 8) + threadIdx.x / 8;
  const typename T::Value* from = (const typename T::Value*)p.source + (u64)blockIdx.x * p.width;
  float values[8];
  for (int i = 0; i < 8; i++) {
    const int d = group * groupValues + lane * 8 + i;
    values[i] = d < p.width ? T::get(from[d]) : 0.0f;
  }
  u32 word, scales;
  // Lanes without a group take part in the exchange of their warp.
  quantizeGroup(values, &word, &scales);
  if (group >= groups) return;
  u32* to = (u32*)p.target + ((u64)blockIdx.x * groups + group) * groupWords;
  to[lane] = word;
  if (lane == 0) to[8] = scales;
}

/** Eight values of a row from one word of a group. */
template <typename T>
static __device__ void widenWord(const u32* group, int word, typename T::Value* to, int count) {
  const u32 packed = group[word], scales = group[8];
  const float scale = widenHalf((u16)scales), least = widenHalf((u16)(scales >> 16));
  float values[8];
  for (int i = 0; i < 8; i++) values[i] = least + nibble(packed, i) * scale;
  if (count >= 8 && (u64)to % 16 == 0) T::putAll(to, values);
  else
    for (int i = 0; i < 8; i++)
      if (i < count) to[i] = T::put(values[i]);
}

/** Grid (rows, words of a row / 256 rounded up): rows of groups along the width, the given ones where there are indices. */
template <typename T>
static __device__ void dequantizeRows(const GroupParams& p) {
  const int word = blockIdx.y * threads + threadIdx.x, groups = groupsOf(p.width);
  const int d = word * 8;
  if (d >= p.width) return;
  const u64 row = p.indices == 0 ? blockIdx.x : (u64)(((const int*)p.indices)[blockIdx.x] + p.indexOffset);
  const u32* group = (const u32*)p.source + (row * groups + word / 8) * groupWords;
  widenWord<T>(group, word & 7, (typename T::Value*)p.target + (u64)blockIdx.x * p.width + d, p.width - d);
}

/** Grid (blocks of 64 rows, columns / 256 rounded up): groups down the columns. */
template <typename T>
static __device__ void dequantizeColumns(const GroupParams& p) {
  const int column = blockIdx.y * threads + threadIdx.x;
  if (column >= p.width) return;
  const u32* group = (const u32*)p.source + ((u64)blockIdx.x * p.width + column) * groupWords;
  const u32 scales = group[8];
  const float scale = widenHalf((u16)scales), least = widenHalf((u16)(scales >> 16));
  const int first = blockIdx.x * groupValues;
  typename T::Value* to = (typename T::Value*)p.target + (u64)first * p.width + column;
  for (int word = 0; word < 8; word++) {
    const u32 packed = group[word];
    for (int i = 0; i < 8; i++)
      if (first + 8 * word + i < p.rows) to[(u64)(8 * word + i) * p.width] = T::put(least + nibble(packed, i) * scale);
  }
}

#define KERNELS(NAME, T)                                                             \
  KERNEL(quantize_rows_##NAME, GroupParams) { quantizeRows<T>(p); }                  \
  KERNEL(dequantize_rows_##NAME, GroupParams) { dequantizeRows<T>(p); }              \
  KERNEL(dequantize_columns_##NAME, GroupParams) { dequantizeColumns<T>(p); }

KERNELS(float32, F32)
KERNELS(float16, F16)
KERNELS(bfloat16, BF16)
