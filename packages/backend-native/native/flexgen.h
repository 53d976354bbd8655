// What the parts of the library share: dtypes, kernels of one instruction set ("level"), threads.
#ifndef FLEXGEN_H
#define FLEXGEN_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
#define FX_INLINE static inline __attribute__((always_inline, unused))
#define FX_EXPORT __attribute__((visibility("default")))
#define FX_LIKELY(x) __builtin_expect(!!(x), 1)
#else
#error "a C compiler of the GNU kind is needed: gcc or clang"
#endif
// The portable level must not unroll: its vectors are loops already.
#if defined(FX_NO_UNROLL)
#define FX_UNROLL
#elif defined(__clang__)
#define FX_UNROLL _Pragma("clang loop unroll(full)")
#else
#define FX_UNROLL _Pragma("GCC unroll 32")
#endif

// In the order of the table in @flexgen/spec.
enum fx_dtype { FX_F32 = 0, FX_F16 = 1, FX_BF16 = 2, FX_I32 = 3, FX_U8 = 4, FX_Q4 = 5, FX_Q4C = 6 };

// Bytes of a line of `count` values; of FX_Q4 whole groups, the last one padded. Lines of FX_Q4C do not lie in one piece.
FX_INLINE size_t fx_bytes(int dtype, size_t count) {
  if (dtype == FX_Q4) return (count + 63) / 64 * 36;
  return dtype == FX_F32 || dtype == FX_I32 ? count * 4 : dtype == FX_U8 ? count : count * 2;
}
FX_INLINE size_t fx_min(size_t a, size_t b) { return a < b ? a : b; }
FX_INLINE size_t fx_max(size_t a, size_t b) { return a > b ? a : b; }
FX_INLINE size_t fx_ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }
FX_INLINE size_t fx_round_up(size_t a, size_t b) { return fx_ceil_div(a, b) * b; }

FX_INLINE float fx_from_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, 4);
  return x;
}
FX_INLINE uint32_t fx_to_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  return bits;
}
FX_INLINE float fx_from_bf16(uint16_t h) { return fx_from_bits((uint32_t)h << 16); }
FX_INLINE uint16_t fx_to_bf16(float x) {
  uint32_t bits = fx_to_bits(x);
  if (x != x) return (uint16_t)((bits | 0x400000) >> 16);
  return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}
FX_INLINE float fx_from_f16(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000) << 16, rest = h & 0x7fff;
  if (rest >= 0x7c00) return fx_from_bits(sign | 0x7f800000 | (rest & 0x3ff) << 13);
  if (rest >= 0x400) return fx_from_bits(sign | ((rest << 13) + (112u << 23)));
  // Subnormal: a whole multiple of 2^-24.
  return fx_from_bits(sign | fx_to_bits((float)rest * 0x1p-24f));
}
FX_INLINE uint16_t fx_to_f16(float x) {
  uint32_t bits = fx_to_bits(x), sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
  if (rest > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (rest >> 13 & 0x3ff));
  if (rest >= 0x477ff000) return (uint16_t)(sign | 0x7c00);
  // Adding 0.5 rounds a subnormal in the last bits of a float32, to even.
  if (rest < 0x38800000) return (uint16_t)(sign | (fx_to_bits(fx_from_bits(rest) + 0.5f) - 0x3f000000));
  return (uint16_t)(sign | (rest - 0x38000000 + 0xfff + (rest >> 13 & 1)) >> 13);
}

// A 4-bit group: 32 bytes of nibbles, float16 scale, float16 minimum. A value is minimum + nibble * scale. The last group of a
// line is padded with zeros.
enum { FX_GROUP = 64, FX_GROUP_BYTES = 36 };
// Quantises a line of n values as @flexgen/quantize does, to the bit.
void fx_quantize(uint8_t *groups, const float *x, size_t n);

enum fx_activation { FX_NONE = 0, FX_RELU = 1, FX_GELU_ERF = 2, FX_GELU_TANH = 3, FX_SILU = 4 };

// y [m, n] = act(x [m, k] W^T + b) + residual, with W [n, k], or W [k, n] where it is not transposed.
typedef struct {
  size_t m, n, k;
  const char *x, *w, *bias, *residual;
  char *y;
  int x_dtype, w_dtype, bias_dtype, residual_dtype, y_dtype;
  int transposed, activation;
  const float *x_sums; // 4-bit groups along k: what `spread` gives beside x
} fx_linear;

// Whether groups of 4-bit weights hold values of one column of y's weights (along k), or of 64 columns of y.
FX_INLINE int fx_is_along_n(int dtype, int transposed) { return (dtype == FX_Q4C) == (transposed != 0); }
FX_INLINE int fx_is_group(int dtype) { return dtype == FX_Q4 || dtype == FX_Q4C; }

// Attention of `queries` consecutive queries of one row; q and y [token, heads, head dim].
typedef struct {
  const char *q;
  char *y;
  int x_dtype, cache_dtype;
  size_t heads, kv_heads, head_dim, max_positions;
  const char *k, *v; // of the row, [kv head, max positions, head dim]
  size_t position, queries; // of the first query; it attends to positions 0 to `position`
  float scale;
} fx_attention;

// Result of attention over a part of the positions: largest score, sum of weights, weighted values, for every query head.
typedef struct {
  float *top, *sum, *values; // [group], [group], [group, head dim]
} fx_partial;

// Bytes that lie side by side.
typedef struct {
  const char *at;
  size_t bytes;
} fx_stretch;

// The kernels of one instruction set.
typedef struct {
  const char *name;
  // Weight rows that a call of `linear_rows` should cover a multiple of.
  size_t row_multiple;
  // Rows of x up to which `linear_rows` beats `linear_block`.
  size_t (*linear_most_rows)(int x_dtype, int w_dtype);
  // Columns that a call of `linear_block` should cover a multiple of.
  size_t column_multiple;
  void (*to_f32)(float *y, const void *x, size_t n, int dtype);
  void (*from_f32)(void *y, const float *x, size_t n, int dtype);
  void (*add)(float *y, const float *a, const float *b, size_t n);
  void (*mul)(float *y, const float *a, const float *b, size_t n);
  void (*activate)(float *y, const float *x, size_t n, int activation);
  void (*layer_norm)(float *y, const float *x, const float *scale, const float *bias, size_t n, float epsilon);
  void (*rms_norm)(float *y, const float *x, const float *scale, size_t n, float epsilon);
  void (*softmax)(float *y, const float *x, size_t n);
  size_t (*arg_max)(const float *x, size_t n);
  // Whether all of n values are numbers.
  int (*is_finite)(const float *x, size_t n);
  // Whether `linear_rows` takes x as it is; otherwise as float32 with rows of `k`.
  int (*linear_takes)(int x_dtype, int w_dtype);
  // A row of x as `linear_rows` takes it for 4-bit groups along k: 64 floats, and three numbers beside them, for each group.
  void (*spread)(const float *x, size_t k, float *spread, float *sums);
  // Columns [n0, n1) of y; W is transposed.
  void (*linear_rows)(const fx_linear *, size_t n0, size_t n1, void *scratch);
  // Rows [m0, m1) and columns [n0, n1) of y, by blocks that are packed.
  void (*linear_block)(const fx_linear *, size_t m0, size_t m1, size_t n0, size_t n1, void *scratch);
  size_t (*linear_rows_scratch)(size_t rows, size_t columns, size_t k);
  size_t (*linear_block_scratch)(size_t rows, size_t columns);
  // One query, the query heads of one kv head, positions [from, to) of the cache. `next`, which may be empty, are the keys
  // that this thread reads next: their beginning is asked for.
  void (*attend_part)(const fx_attention *, size_t kv_head, size_t from, size_t to, fx_stretch next, fx_partial,
                      void *scratch);
  // One query with sparsity: of the past only `keep` positions of largest weight.
  void (*attend_sparse)(const fx_attention *, size_t head, size_t keep, void *scratch);
  // Joins parts in order and writes y of one query; a part is `top`, `sum`, `values`, one behind the other.
  void (*attend_join)(const fx_attention *, size_t kv_head, const float *parts, size_t count, void *scratch);
  // Queries [from, to) of one head.
  void (*attend_block)(const fx_attention *, size_t head, size_t from, size_t to, void *scratch);
  // Limits of the machine: seconds are measured outside. Multiplications with sums in registers, counted; a read of n bytes.
  double (*measure_multiply)(size_t rounds);
  double (*measure_read)(const char *data, size_t n);
  size_t (*attend_scratch)(size_t head_dim, size_t group, size_t positions, int is_block);
} fx_level;

// gcc knows AMX since version 11; Linux alone is asked for leave to use it.
#if defined(__x86_64__) && defined(__linux__) && (defined(__clang__) || __GNUC__ >= 11)
#define FX_COMPILES_AMX 1
#else
#define FX_COMPILES_AMX 0
#endif

extern const fx_level fx_portable;
#if FX_COMPILES_AMX
extern const fx_level fx_amx;
#endif
#if defined(__x86_64__)
extern const fx_level fx_avx2, fx_avx512, fx_avx512_bf16;
#elif defined(__aarch64__)
extern const fx_level fx_neon;
#endif

// Query tile of `attend_block`, positions of a part of `attend_part`, and how many bytes ahead it asks for what it reads.
enum { FX_QUERY_TILE = 96, FX_PART_POSITIONS = 1024, FX_AHEAD_BYTES = 16384 };

// What is known of this processor, set by `fx_find_level`: whether reading in order gains from asking ahead, and whether
// products of bfloat16 pairs are faster than float32 ones.
extern int fx_fetches_ahead, fx_uses_pairs;

// The best level of this processor up to the named one (null: any); null where there is none of that name.
const fx_level *fx_find_level(const char *name);

// Threads that work together. Work is given by one thread, which takes part.
typedef struct fx_pool fx_pool;
typedef void (*fx_task)(void *argument, size_t index, size_t thread);
fx_pool *fx_pool_create(size_t threads, int is_pinned);
void fx_pool_free(fx_pool *);
size_t fx_pool_threads(const fx_pool *);
// Pins the calling thread as the first of the pool.
void fx_pool_enter(fx_pool *);
// Calls the task for every index below count; who does which does not matter to any result.
void fx_parallel(fx_pool *, fx_task, void *argument, size_t count);

// What went wrong in an operation; 0 is success.
enum fx_status {
  FX_OK = 0,
  FX_DROPPED = 1,      // something before it in its queue failed or it was cancelled
  FX_WAIT_FAILED = 2,  // the event that it waits for failed
  FX_BAD_INDEX = 3,    // Gather: node, index, rows of the table
  FX_BAD_LENGTH = 4,   // Attention, LastPosition: node, row, start, length
  FX_BAD_PROGRAM = 5,  // a size that TypeScript should have refused: node
};
typedef struct {
  int status;
  double details[4];
} fx_result;

// A graph in the form that `program.c` runs.
typedef struct fx_program fx_program;
fx_result fx_program_run(const fx_program *, fx_pool *, const fx_level *, const double *table, char *scratch);
// Bytes of scratch that the kernels of a run need.
size_t fx_program_need(const fx_program *, const fx_level *, size_t threads, const double *table);

#endif
