// y = x W^T for few rows of x: weight rows are read once, in the order in which they lie, at the speed of memory.

// Rows of x of one pass over the weight rows of a tile.
enum { FX_PASS_ROWS = 4 };

static int linear_takes(int x_dtype, int w_dtype) {
#if FX_HAS_BF16
  if (fx_uses_pairs && x_dtype == FX_BF16 && w_dtype == FX_BF16) return 1;
#endif
  (void)w_dtype;
  return x_dtype == FX_F32;
}

// Adds bias, activation and residual to columns [n0, n1) of rows [m0, m1), and writes them; `part` has two rows of them.
static void finish_rows(const fx_linear *l, size_t m0, size_t m1, size_t n0, size_t n1, float *out, size_t ldo,
                        float *part) {
  size_t columns = n1 - n0;
  float *bias = part, *residual = part + columns;
  if (l->bias) to_f32(bias, l->bias + fx_bytes(l->bias_dtype, n0), columns, l->bias_dtype);
  for (size_t m = m0; m < m1; m++, out += ldo) {
    size_t at = m * l->n + n0;
    if (l->bias) add_values(out, out, bias, columns);
    if (l->activation) activate(out, out, columns, l->activation);
    if (l->residual) {
      to_f32(residual, l->residual + fx_bytes(l->residual_dtype, at), columns, l->residual_dtype);
      add_values(out, out, residual, columns);
    }
    from_f32(l->y + fx_bytes(l->y_dtype, at), out, columns, l->y_dtype);
  }
}

// Sums of R weight rows and M rows of x. While a tile is read, the weight rows of the next one are fetched: pass p of P over
// the same tile fetches every P-th of them, so that memory is never idle.
#define FX_DOT_TILE(STEP, GET_W, GET_X, GET_W_TAIL, GET_X_TAIL, DOT)                        \
  vf s[FX_PASS_ROWS][FX_ROWS];                                                              \
  FX_UNROLL for (int m = 0; m < M; m++) FX_UNROLL for (size_t r = 0; r < R; r++) s[m][r] = v_zero(); \
  size_t i = 0;                                                                             \
  for (; i + LINE <= k; i += LINE) {                                                        \
    for (size_t r = pass; r < R; r += passes) __builtin_prefetch(w + (R + r) * ldw + LINE_BYTES * (i / LINE), 0, 2); \
    FX_UNROLL for (size_t j = i; j < i + LINE; j += STEP) {                                 \
      vf wv[FX_ROWS];                                                                       \
      FX_UNROLL for (size_t r = 0; r < R; r++) wv[r] = GET_W;                                  \
      FX_UNROLL for (int m = 0; m < M; m++) {                                               \
        vf xv = GET_X;                                                                      \
        FX_UNROLL for (size_t r = 0; r < R; r++) s[m][r] = DOT(wv[r], xv, s[m][r]);            \
      }                                                                                     \
    }                                                                                       \
  }                                                                                         \
  for (; i < k; i += STEP) {                                                                \
    const size_t n = fx_min(STEP, k - i);                                                   \
    FX_UNROLL for (int m = 0; m < M; m++) {                                                 \
      vf xv = GET_X_TAIL;                                                                   \
      FX_UNROLL for (size_t r = 0; r < R; r++) s[m][r] = DOT(GET_W_TAIL, xv, s[m][r]);         \
    }                                                                                       \
  }                                                                                         \
  FX_UNROLL for (int m = 0; m < M; m++) FX_UNROLL for (size_t r = 0; r < R; r++) out[m * ldo + r] = v_sum(s[m][r]);

enum { LINE_BYTES = 64 };

FX_INLINE void dot_tile(const size_t R, const int M, const int dtype, const char *x, size_t k, const char *w,
                        size_t pass, size_t passes, float *out, size_t ldo) {
  const size_t ldw = fx_bytes(dtype, k), LINE = dtype == FX_F32 ? 16 : 32;
  const float *xs = (const float *)x;
  FX_DOT_TILE(VW, v_get(w + r * ldw, j, dtype), v_load(xs + m * k + j), v_get_n(w + r * ldw, i, n, dtype),
              v_load_n(xs + m * k + i, n), v_fma)
}

#if FX_HAS_BF16
FX_INLINE vf v_dot_bf16(vf s, vf a, vf b) {
  return _mm512_dpbf16_ps(s, (__m512bh)_mm512_castps_si512(a), (__m512bh)_mm512_castps_si512(b));
}
// The first n of 32 values of two bytes.
FX_INLINE vf v_load_pairs_n(const void *p, size_t n) {
  return _mm512_castsi512_ps(_mm512_maskz_loadu_epi16((__mmask32)((1ull << n) - 1), p));
}
#define FX_DOT_PAIRS(a, b, s) v_dot_bf16(s, a, b)

// The same with products of bfloat16 pairs, where x is bfloat16 too.
FX_INLINE void dot_tile_bf16(const size_t R, const int M, const char *x, size_t k, const char *w, size_t pass,
                             size_t passes, float *out, size_t ldo) {
  const size_t ldw = 2 * k, LINE = 32;
  FX_DOT_TILE(32, v_load(w + r * ldw + 2 * j), v_load(x + 2 * (m * k + j)), v_load_pairs_n(w + r * ldw + 2 * i, n),
              v_load_pairs_n(x + 2 * (m * k + i), n), FX_DOT_PAIRS)
}
#endif

typedef void (*dot_function)(const char *x, size_t k, const char *w, size_t pass, size_t passes, float *out, size_t ldo);

// Functions for 1 to 4 rows of x, with FX_ROWS weight rows and with one.
typedef struct {
  dot_function many[FX_PASS_ROWS], one[FX_PASS_ROWS];
} dot_functions;

#define FX_DOT_FUNCTION(NAME, R, M, CALL)                                                                            \
  static void NAME##_##M(const char *x, size_t k, const char *w, size_t pass, size_t passes, float *out, size_t ldo) { \
    CALL(R, M)                                                                                                       \
  }
#define FX_DOT_FUNCTIONS(NAME, CALL)                                                                                 \
  FX_DOT_FUNCTION(NAME##_many, FX_ROWS, 1, CALL)                                                                     \
  FX_DOT_FUNCTION(NAME##_many, FX_ROWS, 2, CALL)                                                                     \
  FX_DOT_FUNCTION(NAME##_many, FX_ROWS, 3, CALL)                                                                     \
  FX_DOT_FUNCTION(NAME##_many, FX_ROWS, 4, CALL)                                                                     \
  FX_DOT_FUNCTION(NAME##_one, 1, 1, CALL)                                                                            \
  FX_DOT_FUNCTION(NAME##_one, 1, 2, CALL)                                                                            \
  FX_DOT_FUNCTION(NAME##_one, 1, 3, CALL)                                                                            \
  FX_DOT_FUNCTION(NAME##_one, 1, 4, CALL)                                                                            \
  static const dot_functions NAME = {{NAME##_many_1, NAME##_many_2, NAME##_many_3, NAME##_many_4},                   \
                                     {NAME##_one_1, NAME##_one_2, NAME##_one_3, NAME##_one_4}};

#define FX_CALL_F32(R, M) dot_tile(R, M, FX_F32, x, k, w, pass, passes, out, ldo);
#define FX_CALL_F16(R, M) dot_tile(R, M, FX_F16, x, k, w, pass, passes, out, ldo);
#define FX_CALL_BF16(R, M) dot_tile(R, M, FX_BF16, x, k, w, pass, passes, out, ldo);
FX_DOT_FUNCTIONS(dot_f32, FX_CALL_F32)
FX_DOT_FUNCTIONS(dot_f16, FX_CALL_F16)
FX_DOT_FUNCTIONS(dot_bf16, FX_CALL_BF16)
#if FX_HAS_BF16
#define FX_CALL_PAIRS(R, M) dot_tile_bf16(R, M, x, k, w, pass, passes, out, ldo);
FX_DOT_FUNCTIONS(dot_pairs, FX_CALL_PAIRS)
#endif

static const dot_functions *find_dot(const fx_linear *l) {
#if FX_HAS_BF16
  if (l->x_dtype == FX_BF16) return &dot_pairs;
#endif
  return l->w_dtype == FX_F32 ? &dot_f32 : l->w_dtype == FX_F16 ? &dot_f16 : &dot_bf16;
}

#include "linear-groups.inc.h"

static size_t linear_rows_scratch(size_t rows, size_t columns, size_t k) {
  size_t groups = 4 * FX_GROUP_SCRATCH * scale_floats(fx_ceil_div(k, FX_GROUP));
  return 4 * (rows + 2) * fx_round_up(columns, FX_GROUP) + fx_max(groups, 2 * rows * sizeof(column_weights));
}

static void linear_rows(const fx_linear *l, size_t n0, size_t n1, void *scratch) {
  const size_t columns = n1 - n0, ldw = fx_bytes(l->w_dtype, l->k), ldx = fx_bytes(l->x_dtype, l->k);
  const size_t passes = fx_ceil_div(l->m, FX_PASS_ROWS);
  const dot_functions *dot = find_dot(l);
  float *out = scratch;
  if (l->w_dtype == FX_Q4) return linear_group_rows(l, n0, n1, scratch);
  if (l->w_dtype == FX_Q4C) return linear_column_rows(l, n0, n1, scratch);
  for (size_t n = n0; n < n1;) {
    size_t rows = n + FX_ROWS <= n1 ? FX_ROWS : 1;
    for (size_t pass = 0; pass < passes; pass++) {
      size_t m = pass * FX_PASS_ROWS, some = fx_min(FX_PASS_ROWS, l->m - m);
      dot_function run = rows == 1 ? dot->one[some - 1] : dot->many[some - 1];
      run(l->x + m * ldx, l->k, l->w + n * ldw, pass, passes, out + m * columns + n - n0, columns);
    }
    n += rows;
  }
  finish_rows(l, 0, l->m, n0, n1, out, columns, out + l->m * columns);
}
