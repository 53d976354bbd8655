// y = x W^T (or x W) for many rows of x: blocks of both are packed, and tiles of MR x NV vectors stay in registers.

enum {
  FX_INNER = 384,        // inner units of a block: MR of them in L1, the columns of a task in L2
  FX_LDA = FX_INNER + 16, // rows of a packed tile, so that they lie in different sets of the cache
  FX_PANEL = NV * VW,
};

// c [rows, panel] (+)= a [rows, units] b [units, panel]; a unit is a float32, or a pair of bfloat16.
FX_INLINE void multiply_tile(const int rows, const int is_bf16, size_t units, const float *a, const float *b, float *c,
                             size_t ldc, int is_first) {
  vf s[MR][NV];
  FX_UNROLL for (int r = 0; r < rows; r++) FX_UNROLL for (int j = 0; j < NV; j++)
    s[r][j] = is_first ? v_zero() : v_load(c + r * ldc + j * VW);
  for (size_t u = 0; u < units; u++, b += FX_PANEL) {
    vf bv[NV];
    FX_UNROLL for (int j = 0; j < NV; j++) bv[j] = v_load(b + j * VW);
    FX_UNROLL for (int r = 0; r < rows; r++) {
      vf av = v_set1(a[r * FX_LDA + u]);
#if FX_HAS_BF16
      if (is_bf16) {
        FX_UNROLL for (int j = 0; j < NV; j++) s[r][j] = v_dot_bf16(s[r][j], av, bv[j]);
        continue;
      }
#endif
      FX_UNROLL for (int j = 0; j < NV; j++) s[r][j] = v_fma(av, bv[j], s[r][j]);
    }
  }
  (void)is_bf16;
  FX_UNROLL for (int r = 0; r < rows; r++) FX_UNROLL for (int j = 0; j < NV; j++) v_store(c + r * ldc + j * VW, s[r][j]);
}

// One tile of up to MR rows against panels that are `ldb` apart; rows beyond `rows` may be written up to the next third of MR.
static void multiply_rows(size_t rows, int is_bf16, size_t units, const float *a, const float *b, size_t ldb,
                          size_t panels, float *c, size_t ldc, int is_first) {
  for (size_t p = 0; p < panels; p++, b += ldb, c += FX_PANEL) {
    if (is_bf16) {
      if (rows > 2 * MR / 3) multiply_tile(MR, 1, units, a, b, c, ldc, is_first);
      else if (rows > MR / 3) multiply_tile(2 * MR / 3, 1, units, a, b, c, ldc, is_first);
      else multiply_tile((MR + 2) / 3, 1, units, a, b, c, ldc, is_first);
    } else {
      if (rows > 2 * MR / 3) multiply_tile(MR, 0, units, a, b, c, ldc, is_first);
      else if (rows > MR / 3) multiply_tile(2 * MR / 3, 0, units, a, b, c, ldc, is_first);
      else multiply_tile((MR + 2) / 3, 0, units, a, b, c, ldc, is_first);
    }
  }
}

#if FX_HAS_AMX
#include "multiply-amx.inc.h"
// Rows of a packed tile of x at most.
enum { FX_TILE_ROWS = FX_AMX_ROWS };
#else
enum { FX_TILE_ROWS = MR };
#endif

// VW rows of W at inner values [i, i + VW), transposed into `panel` from unit `u` on.
#define FX_PACK_SQUARE(GET)                                                      \
  {                                                                              \
    vf r[VW];                                                                    \
    FX_UNROLL for (size_t row = 0; row < VW; row++) r[row] = row < rows ? (GET) : v_zero(); \
    v_transpose(r);                                                              \
    for (size_t c = 0; c < count; c++) v_store(panel + c * FX_PANEL, r[c]);      \
  }

FX_INLINE void pack_square(const int dtype, const char *w, size_t ldw, size_t rows, size_t i, size_t count,
                           float *panel) {
  if (rows == VW && count == VW) FX_PACK_SQUARE(v_get(w + row * ldw, i, dtype))
  else FX_PACK_SQUARE(v_get_n(w + row * ldw, i, count, dtype))
}

// Columns [n0, n1) of W [n, k] at inner values [k0, k1), as panels [units, FX_PANEL].
static void pack_transposed(const int dtype, const char *w, size_t ldw, size_t n0, size_t n1, size_t k0, size_t k1,
                            float *panels) {
  for (size_t n = n0; n < n1; n += FX_PANEL, panels += (k1 - k0) * FX_PANEL) {
    for (size_t v = 0; v < FX_PANEL; v += VW) {
      size_t rows = n + v < n1 ? fx_min(VW, n1 - n - v) : 0;
      for (size_t k = k0; k < k1; k += VW) {
        size_t count = fx_min(VW, k1 - k);
        float *to = panels + (k - k0) * FX_PANEL + v;
        const char *from = w + (n + v) * ldw;
        if (dtype == FX_F32) pack_square(FX_F32, from, ldw, rows, k, count, to);
        else if (dtype == FX_F16) pack_square(FX_F16, from, ldw, rows, k, count, to);
        else pack_square(FX_BF16, from, ldw, rows, k, count, to);
      }
    }
  }
}

// Bytes between lines of 4-bit weights, and between the groups of a line.
typedef struct {
  size_t line, group;
} group_strides;

static group_strides strides_of(const fx_linear *l) {
  const size_t width = l->transposed ? l->k : l->n;
  if (l->w_dtype == FX_Q4) return (group_strides){fx_bytes(FX_Q4, width), FX_GROUP_BYTES};
  return (group_strides){FX_GROUP_BYTES, width * FX_GROUP_BYTES};
}

// The same for 4-bit groups along k, by way of `values` [FX_PANEL, k1 - k0]; k0 is the first value of a group.
static void pack_groups(const fx_linear *l, size_t n0, size_t n1, size_t k0, size_t k1, float *values, float *panels) {
  const size_t k = k1 - k0;
  const group_strides strides = strides_of(l);
  for (size_t n = n0; n < n1; n += FX_PANEL, panels += k * FX_PANEL) {
    size_t rows = fx_min(FX_PANEL, n1 - n);
    const char *w = l->w + n * strides.line + k0 / FX_GROUP * strides.group;
    for (size_t r = 0; r < rows; r++) dequantize_line(values + r * k, w + r * strides.line, strides.group, k);
    pack_transposed(FX_F32, (const char *)values, 4 * k, 0, rows, 0, k, panels);
  }
}

// The same for groups that hold 64 columns; n0 is the first of them. Their padding makes sums that nobody reads.
static void pack_column_groups(const fx_linear *l, size_t n0, size_t n1, size_t k0, size_t k1, float *panels) {
  const size_t units = k1 - k0, wide = fx_round_up(n1 - n0, FX_PANEL);
  const group_strides strides = strides_of(l);
  float values[FX_GROUP];
  for (size_t n = 0; n < wide; n += FX_GROUP) {
    const char *w = l->w + (n0 + n) / FX_GROUP * strides.group + k0 * strides.line;
    for (size_t u = 0; u < units; u++, w += strides.line) {
      dequantize_group(values, (const uint8_t *)w);
      for (size_t v = 0; v < FX_GROUP && n + v < wide; v += FX_PANEL) {
        float *to = panels + (n + v) * units + u * FX_PANEL;
        FX_UNROLL for (size_t j = 0; j < FX_PANEL; j += VW) v_store(to + j, v_load(values + v + j));
      }
    }
  }
}

#if FX_HAS_BF16
// The same with pairs as they are; k0 and k1 count values.
static void pack_pairs(const char *w, size_t ldw, size_t n0, size_t n1, size_t k0, size_t k1, float *panels) {
  size_t units = (k1 - k0 + 1) / 2;
  for (size_t n = n0; n < n1; n += FX_PANEL, panels += units * FX_PANEL) {
    for (size_t v = 0; v < FX_PANEL; v += VW) {
      size_t rows = n + v < n1 ? fx_min(VW, n1 - n - v) : 0;
      for (size_t k = k0; k < k1; k += 2 * VW) {
        size_t halves = fx_min(2 * VW, k1 - k), count = (halves + 1) / 2;
        float *panel = panels + (k - k0) / 2 * FX_PANEL + v;
        const char *from = w + (n + v) * ldw + 2 * k;
        if (rows == VW && halves == 2 * VW) FX_PACK_SQUARE(v_load(from + row * ldw))
        else FX_PACK_SQUARE(v_load_pairs_n(from + row * ldw, halves))
      }
    }
  }
}
#endif

// Columns [n0, n1) of W [k, n] as panels, zeros behind the last column.
FX_INLINE void pack_rows(const int dtype, const char *w, size_t ldw, size_t n0, size_t n1, size_t k0, size_t k1,
                         float *panels) {
  for (size_t n = n0; n < n1; n += FX_PANEL) {
    size_t columns = fx_min(FX_PANEL, n1 - n);
    for (size_t k = k0; k < k1; k++, panels += FX_PANEL) {
      const char *row = w + k * ldw;
      if (columns == FX_PANEL) {
        FX_UNROLL for (size_t v = 0; v < FX_PANEL; v += VW) v_store(panels + v, v_get(row, n + v, dtype));
      } else {
        for (size_t v = 0; v < FX_PANEL; v += VW)
          v_store(panels + v, v < columns ? v_get_n(row, n + v, fx_min(VW, columns - v), dtype) : v_zero());
      }
    }
  }
}

static void pack_plain(int dtype, const char *w, size_t ldw, size_t n0, size_t n1, size_t k0, size_t k1, float *panels) {
  if (dtype == FX_F32) pack_rows(FX_F32, w, ldw, n0, n1, k0, k1, panels);
  else if (dtype == FX_F16) pack_rows(FX_F16, w, ldw, n0, n1, k0, k1, panels);
  else pack_rows(FX_BF16, w, ldw, n0, n1, k0, k1, panels);
}

// Whether products of many rows are of bfloat16 pairs: always where matrix registers do it.
static int multiplies_pairs(int x_dtype, int w_dtype) {
  return FX_HAS_BF16 && (FX_HAS_AMX || fx_uses_pairs) && x_dtype == FX_BF16 && w_dtype == FX_BF16;
}

static size_t linear_most_rows(int x_dtype, int w_dtype) {
#if FX_HAS_AMX
  if (multiplies_pairs(x_dtype, w_dtype)) return FX_AMX_MOST_ROWS;
#endif
  (void)x_dtype, (void)w_dtype;
  return FX_MOST_ROWS;
}

static size_t linear_block_scratch(size_t rows, size_t columns) {
  size_t wide = fx_round_up(columns, FX_PANEL);
  return 4 * (FX_INNER * (wide + FX_PANEL) + FX_TILE_ROWS * FX_LDA + (rows + FX_TILE_ROWS + 2) * wide);
}

static void linear_block(const fx_linear *l, size_t m0, size_t m1, size_t n0, size_t n1, void *scratch) {
  size_t wide = fx_round_up(n1 - n0, FX_PANEL);
  float *panels = scratch, *tile = panels + FX_INNER * wide, *sums = tile + FX_TILE_ROWS * FX_LDA;
  float *part = sums + (m1 - m0 + FX_TILE_ROWS) * wide, *values = part + 2 * wide;
  const int is_bf16 = l->transposed && multiplies_pairs(l->x_dtype, l->w_dtype), is_amx = is_bf16 && FX_HAS_AMX;
  const size_t tile_rows = is_amx ? FX_TILE_ROWS : MR;
  size_t per_unit = is_bf16 ? 2 : 1;
#if FX_HAS_AMX
  if (is_amx) open_tiles();
#endif
  size_t ldw = fx_bytes(l->w_dtype, l->transposed ? l->k : l->n);
  for (size_t k0 = 0; k0 < l->k; k0 += FX_INNER * per_unit) {
    size_t k1 = fx_min(l->k, k0 + FX_INNER * per_unit), units = fx_ceil_div(k1 - k0, per_unit);
#if FX_HAS_BF16
    if (is_bf16) pack_pairs(l->w, ldw, n0, n1, k0, k1, panels);
    else
#endif
    if (fx_is_group(l->w_dtype)) {
      if (fx_is_along_n(l->w_dtype, l->transposed)) pack_column_groups(l, n0, n1, k0, k1, panels);
      else pack_groups(l, n0, n1, k0, k1, values, panels);
    }
    else if (l->transposed) pack_transposed(l->w_dtype, l->w, ldw, n0, n1, k0, k1, panels);
    else pack_plain(l->w_dtype, l->w, ldw, n0, n1, k0, k1, panels);
    for (size_t m = m0; m < m1; m += tile_rows) {
      size_t rows = fx_min(tile_rows, m1 - m);
      for (size_t r = 0; r < tile_rows; r++) {
        float *to = tile + r * FX_LDA;
        const char *from = l->x + fx_bytes(l->x_dtype, (m + r) * l->k + k0);
        if (r >= rows) memset(to, 0, 4 * units);
        else if (is_bf16) {
          if ((k1 - k0) % 2) to[units - 1] = 0;
          memcpy(to, from, 2 * (k1 - k0));
        } else to_f32(to, from, k1 - k0, l->x_dtype);
      }
      float *to = sums + (m - m0) * wide;
#if FX_HAS_AMX
      if (is_amx) {
        multiply_rows_amx(units, tile, panels, wide / FX_PANEL, to, wide, k0 == 0);
        continue;
      }
#endif
      multiply_rows(rows, is_bf16, units, tile, panels, units * FX_PANEL, wide / FX_PANEL, to, wide, k0 == 0);
    }
  }
#if FX_HAS_AMX
  if (is_amx) close_tiles();
#endif
  finish_rows(l, m0, m1, n0, n1, sums, wide, part);
}
