// Groups down columns: 64 rows of a column in one piece. Columns are summed by weight, in whole vectors and without a sum across;
// the values of a 4-bit cache are the same. What is done to the weights of up to 64 columns is done once for all their rows, and
// ahead of the sums, so that its long chain of steps costs no time.

#if FX_HAS_VNNI
#include "groups-columns-vnni.inc.h"
#else
// Rows of weights that are taken at once.
enum { FX_COLUMN_ROWS = 4 };

// Weights of up to 64 columns, times their scales, and times their minima in sum.
typedef struct {
  float products[FX_GROUP], rest;
} column_weights;

FX_INLINE void weigh_columns(const float *x, const float *scales, const float *minima, size_t count, column_weights *to) {
  mul_values(to->products, x, scales, count);
  to->rest = dot_floats(x, minima, count);
}

// sums [M, 64] += the values of up to 64 columns that are `stride` bytes apart, by weight.
FX_INLINE void add_columns(const size_t M, const char *first, size_t stride, size_t count, const column_weights *w,
                           float *sums, size_t lds) {
  for (size_t i = 0; i < FX_HALF; i += VW) {
    vf even[FX_COLUMN_ROWS], odd[FX_COLUMN_ROWS];
    FX_UNROLL for (size_t m = 0; m < M; m++) even[m] = odd[m] = v_set1(w[m].rest);
    for (size_t c = 0; c < count; c++) {
      vf high, low;
      v_nibbles((const uint8_t *)first + c * stride + i, &high, &low);
      FX_UNROLL for (size_t m = 0; m < M; m++) {
        vf weight = v_set1(w[m].products[c]);
        even[m] = v_fma(high, weight, even[m]);
        odd[m] = v_fma(low, weight, odd[m]);
      }
    }
    FX_UNROLL for (size_t m = 0; m < M; m++) {
      vf low, high;
      float *to = sums + m * lds + 2 * i;
      v_interleave(even[m], odd[m], &low, &high);
      v_store(to, v_add(v_load(to), low));
      v_store(to + VW, v_add(v_load(to + VW), high));
    }
  }
}
#endif

// Weights of `rows` rows x [rows, count] for columns that are `stride` bytes apart.
FX_INLINE void weigh_column_rows(size_t rows, const char *first, size_t stride, size_t count, const float *x, size_t ldx,
                              column_weights *to) {
  float scales[FX_GROUP], minima[FX_GROUP];
  read_scales(first, stride, count, scales, minima);
  if (count == FX_GROUP) {
    for (size_t m = 0; m < rows; m++) weigh_columns(x + m * ldx, scales, minima, FX_GROUP, to + m);
  } else {
    for (size_t m = 0; m < rows; m++) weigh_columns(x + m * ldx, scales, minima, count, to + m);
  }
}

static void add_column_rows(size_t rows, const char *first, size_t stride, size_t count, const column_weights *w,
                            float *sums, size_t lds) {
  size_t m = 0;
  for (; m + FX_COLUMN_ROWS <= rows; m += FX_COLUMN_ROWS)
    add_columns(FX_COLUMN_ROWS, first, stride, count, w + m, sums + m * lds, lds);
  for (; m < rows; m++) add_columns(1, first, stride, count, w + m, sums + m * lds, lds);
}
