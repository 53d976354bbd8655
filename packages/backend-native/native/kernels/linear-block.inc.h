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

// The same for 4-bit groups, by way of `values` [FX_PANEL, k1 - k0]; k0 is the first value of a group.
static void pack_groups(const char *w, size_t ldw, size_t n0, size_t n1, size_t k0, size_t k1, float *values,
                        float *panels) {
  const size_t k = k1 - k0;
  for (size_t n = n0; n < n1; n += FX_PANEL, panels += k * FX_PANEL) {
    size_t rows = fx_min(FX_PANEL, n1 - n);
    for (size_t r = 0; r < rows; r++) dequantize(values + r * k, w + (n + r) * ldw + fx_bytes(FX_Q4, k0), k);
    pack_transposed(FX_F32, (const char *)values, 4 * k, 0, rows, 0, k, panels);
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

static size_t linear_block_scratch(size_t rows, size_t columns) {
  size_t wide = fx_round_up(columns, FX_PANEL);
  return 4 * (FX_INNER * (wide + FX_PANEL) + MR * FX_LDA + (fx_round_up(rows, MR) + 2) * wide);
}

static void linear_block(const fx_linear *l, size_t m0, size_t m1, size_t n0, size_t n1, void *scratch) {
  size_t wide = fx_round_up(n1 - n0, FX_PANEL);
  float *panels = scratch, *tile = panels + FX_INNER * wide, *sums = tile + MR * FX_LDA;
  float *part = sums + fx_round_up(m1 - m0, MR) * wide, *values = part + 2 * wide;
  int is_bf16 = FX_HAS_BF16 && fx_uses_pairs && l->transposed && l->x_dtype == FX_BF16 && l->w_dtype == FX_BF16;
  size_t per_unit = is_bf16 ? 2 : 1;
  size_t ldw = fx_bytes(l->w_dtype, l->transposed ? l->k : l->n);
  for (size_t k0 = 0; k0 < l->k; k0 += FX_INNER * per_unit) {
    size_t k1 = fx_min(l->k, k0 + FX_INNER * per_unit), units = fx_ceil_div(k1 - k0, per_unit);
#if FX_HAS_BF16
    if (is_bf16) pack_pairs(l->w, ldw, n0, n1, k0, k1, panels);
    else
#endif
    if (l->w_dtype == FX_Q4) pack_groups(l->w, ldw, n0, n1, k0, k1, values, panels);
    else if (l->transposed) pack_transposed(l->w_dtype, l->w, ldw, n0, n1, k0, k1, panels);
    else pack_plain(l->w_dtype, l->w, ldw, n0, n1, k0, k1, panels);
    for (size_t m = m0; m < m1; m += MR) {
      size_t rows = fx_min(MR, m1 - m);
      for (size_t r = 0; r < MR; r++) {
        float *to = tile + r * FX_LDA;
        const char *from = l->x + fx_bytes(l->x_dtype, (m + r) * l->k + k0);
        if (r >= rows) memset(to, 0, 4 * units);
        else if (is_bf16) {
          if ((k1 - k0) % 2) to[units - 1] = 0;
          memcpy(to, from, 2 * (k1 - k0));
        } else to_f32(to, from, k1 - k0, l->x_dtype);
      }
      multiply_rows(rows, is_bf16, units, tile, panels, units * FX_PANEL, wide / FX_PANEL, sums + (m - m0) * wide,
                    wide, k0 == 0);
    }
  }
  finish_rows(l, m0, m1, n0, n1, sums, wide, part);
}
