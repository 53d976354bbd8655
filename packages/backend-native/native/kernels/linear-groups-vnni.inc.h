// y = x W^T for few rows of x and weights in 4-bit groups, with products of bytes.

// Floats of scratch for each group of k: scales, minima, and scales for each pair of rows.
enum { FX_GROUP_SCRATCH = (2 + FX_PASS_ROWS) * FX_GROUP_ROWS };

// A group of x takes the room of its floats. Behind the sums stand the scales, then what sums have lost by rounding: times 7.5,
// since that is what nibbles are in the middle.
static void spread(const float *x, size_t k, float *to, float *sums) {
  float group[FX_GROUP], *scales = sums + k / FX_GROUP, *lost = scales + k / FX_GROUP;
  for (size_t g = 0; g < k / FX_GROUP; g++) {
    spread_group(x + g * FX_GROUP, group, sums + g);
    scales[g] = pair_bytes(group, (int8_t *)(to + g * FX_GROUP), lost + g);
    lost[g] *= 7.5f;
  }
}

FX_INLINE void dot_group_rows(const size_t R, const size_t M, const float *x, const float *sums, size_t k, const char *w,
                              size_t pass, size_t passes, float *scales, float *out, size_t ldo) {
  const size_t groups = k / FX_GROUP, ldw = groups * FX_GROUP_BYTES, lds = scale_floats(groups);
  vf s[FX_PASS_ROWS][FX_GROUP_ROWS];
  float *minima = scales + FX_GROUP_ROWS * lds, *both = minima + FX_GROUP_ROWS * lds;
  for (size_t r = 0; r < R; r++) {
    read_scales(w + r * ldw, FX_GROUP_BYTES, groups, scales + r * lds, minima + r * lds);
    for (size_t m = 0; m < M; m++)
      mul_values(both + (m * FX_GROUP_ROWS + r) * lds, scales + r * lds, sums + (3 * m + 1) * groups, groups);
  }
  FX_UNROLL for (size_t m = 0; m < M; m++) FX_UNROLL for (size_t r = 0; r < R; r++) s[m][r] = v_zero();
  for (size_t g = 0; g < groups; g++) {
    for (size_t r = pass; r < R; r += passes) __builtin_prefetch(w + (R + r) * ldw + g * FX_GROUP_BYTES, 0, 2);
    FX_UNROLL for (size_t r = 0; r < R; r++) {
      __m512i nibbles = nibble_bytes(group_at(w + r * ldw, g));
      FX_UNROLL for (size_t m = 0; m < M; m++) {
        vf t = _mm512_cvtepi32_ps(dot_bytes(nibbles, (const int8_t *)(x + m * k + g * FX_GROUP)));
        s[m][r] = v_fma(t, v_set1(both[(m * FX_GROUP_ROWS + r) * lds + g]), s[m][r]);
      }
    }
  }
  FX_UNROLL for (size_t m = 0; m < M; m++) FX_UNROLL for (size_t r = 0; r < R; r++)
    out[m * ldo + r] = v_sum(s[m][r]) + dot_floats(minima + r * lds, sums + 3 * m * groups, groups) +
                       dot_floats(scales + r * lds, sums + (3 * m + 2) * groups, groups);
}
