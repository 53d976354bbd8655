// y = x W^T for few rows of x and weights in 4-bit groups, along k or down the columns of the weights.

#if FX_HAS_VNNI
#include "linear-groups-vnni.inc.h"
#else
// Floats of scratch for each group of k.
enum { FX_GROUP_SCRATCH = 2 * FX_GROUP_ROWS };

static void spread(const float *x, size_t k, float *to, float *sums) {
  float plain[FX_GROUP];
  for (size_t g = 0; g * FX_GROUP < k; g++) {
    copy_group(x + g * FX_GROUP, fx_min(FX_GROUP, k - g * FX_GROUP), plain);
    spread_group(plain, to + g * FX_GROUP, sums + g);
  }
}

// Sums of `rows` weight rows and M rows of x, spread; their sums are 3 numbers for each group apart.
FX_INLINE void dot_group_rows(const size_t R, const size_t M, const float *x, const float *sums, size_t groups,
                              const char *w, size_t pass, size_t passes, float *scales, float *out, size_t ldo) {
  const size_t ldw = groups * FX_GROUP_BYTES, lds = scale_floats(groups);
  vf s[FX_PASS_ROWS][FX_GROUP_ROWS];
  float *minima = scales + FX_GROUP_ROWS * lds;
  for (size_t r = 0; r < R; r++) read_scales(w + r * ldw, FX_GROUP_BYTES, groups, scales + r * lds, minima + r * lds);
  FX_UNROLL for (size_t m = 0; m < M; m++) FX_UNROLL for (size_t r = 0; r < R; r++) s[m][r] = v_zero();
  for (size_t g = 0; g < groups; g++) {
    for (size_t r = pass; r < R; r += passes) __builtin_prefetch(w + (R + r) * ldw + g * FX_GROUP_BYTES, 0, 2);
    FX_UNROLL for (size_t r = 0; r < R; r++) {
      const uint8_t *group = group_at(w + r * ldw, g);
      vf t[FX_PASS_ROWS];
      FX_UNROLL for (size_t m = 0; m < M; m++) t[m] = v_zero();
      FX_UNROLL for (size_t i = 0; i < FX_HALF; i += VW) {
        vf even, odd;
        v_nibbles(group + i, &even, &odd);
        FX_UNROLL for (size_t m = 0; m < M; m++) {
          const float *xs = x + (m * groups + g) * FX_GROUP + i;
          t[m] = v_fma(even, v_load(xs), t[m]);
          t[m] = v_fma(odd, v_load(xs + FX_HALF), t[m]);
        }
      }
      vf scale = v_set1(scales[r * lds + g]);
      FX_UNROLL for (size_t m = 0; m < M; m++) s[m][r] = v_fma(t[m], scale, s[m][r]);
    }
  }
  FX_UNROLL for (size_t m = 0; m < M; m++) FX_UNROLL for (size_t r = 0; r < R; r++)
    out[m * ldo + r] = v_sum(s[m][r]) + dot_floats(minima + r * lds, sums + m * 3 * groups, groups);
}
#endif

#define FX_GROUP_CASE(M)                                                                                       \
  case M:                                                                                                      \
    if (rows == 1) dot_group_rows(1, M, x, sums, groups, w, pass, passes, scales, out, ldo);                        \
    else dot_group_rows(FX_GROUP_ROWS, M, x, sums, groups, w, pass, passes, scales, out, ldo);                      \
    break;

static void dot_groups(size_t rows, size_t some, const float *x, const float *sums, size_t groups, const char *w,
                       size_t pass, size_t passes, float *scales, float *out, size_t ldo) {
  switch (some) {
    FX_GROUP_CASE(1)
    FX_GROUP_CASE(2)
    FX_GROUP_CASE(3)
    FX_GROUP_CASE(4)
  }
}

static void linear_group_rows(const fx_linear *l, size_t n0, size_t n1, float *scratch) {
  const size_t columns = n1 - n0, groups = fx_ceil_div(l->k, FX_GROUP), passes = fx_ceil_div(l->m, FX_PASS_ROWS);
  float *out = scratch, *part = out + l->m * columns, *scales = part + 2 * columns;
  for (size_t n = n0; n < n1;) {
    size_t rows = n + FX_GROUP_ROWS <= n1 ? FX_GROUP_ROWS : 1;
    for (size_t pass = 0; pass < passes; pass++) {
      size_t m = pass * FX_PASS_ROWS, some = fx_min(FX_PASS_ROWS, l->m - m);
      dot_groups(rows, some, (const float *)l->x + m * groups * FX_GROUP, l->x_sums + m * 3 * groups, groups,
                 l->w + n * groups * FX_GROUP_BYTES, pass, passes, scales, out + m * columns + n - n0, columns);
    }
    n += rows;
  }
  finish_rows(l, 0, l->m, n0, n1, out, columns, part);
}

// Bytes that are asked for ahead of a stream of groups.
enum { FX_GROUPS_AHEAD = 12288 };

// Groups down the columns: n0 is the first of 64 columns of y, whose weights lie in one piece.
static void linear_column_rows(const fx_linear *l, size_t n0, size_t n1, float *scratch) {
  const size_t k = l->k, rows = l->m, wide = fx_round_up(n1 - n0, FX_GROUP), piece = FX_GROUP * FX_GROUP_BYTES;
  const float *x = (const float *)l->x;
  float *out = scratch, *part = out + rows * wide;
  column_weights *now = (column_weights *)(part + 2 * wide), *next = now + rows;
  memset(out, 0, 4 * rows * wide);
  for (size_t n = 0; n < wide; n += FX_GROUP) {
    const char *w = l->w + (n0 + n) / FX_GROUP * k * FX_GROUP_BYTES;
    weigh_column_rows(rows, w, FX_GROUP_BYTES, fx_min(FX_GROUP, k), x, k, now);
    for (size_t c = 0; c < k; c += FX_GROUP, w += piece) {
      const size_t ahead = c + FX_GROUP;
      fetch_soon(w + FX_GROUPS_AHEAD, piece);
      if (ahead < k)
        weigh_column_rows(rows, w + piece, FX_GROUP_BYTES, fx_min(FX_GROUP, k - ahead), x + ahead, k, next);
      add_column_rows(rows, w, FX_GROUP_BYTES, fx_min(FX_GROUP, k - c), now, out + n, wide);
      column_weights *last = now;
      now = next;
      next = last;
    }
  }
  finish_rows(l, 0, rows, n0, n1, out, wide, part);
}
