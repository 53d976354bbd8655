// y = x W^T for few rows of x and weights in 4-bit groups along k, with products of bytes.

// Floats of scratch for each group of k: scales, minima, and scales for each pair of rows.
enum { FX_GROUP_SCRATCH = (2 + FX_PASS_ROWS) * FX_GROUP_ROWS };

// A group of x takes the room of its floats. Behind the sums stand the scales, then what sums have lost by rounding: times 7.5,
// since that is what nibbles are in the middle.
static void spread(const float *x, size_t k, float *to, float *sums) {
  const size_t groups = fx_ceil_div(k, FX_GROUP);
  float plain[FX_GROUP], group[FX_GROUP], *scales = sums + groups, *lost = scales + groups;
  for (size_t g = 0; g < groups; g++) {
    copy_group(x + g * FX_GROUP, fx_min(FX_GROUP, k - g * FX_GROUP), plain);
    spread_group(plain, group, sums + g);
    scales[g] = pair_group(group, (int8_t *)(to + g * FX_GROUP), lost + g);
    lost[g] *= 7.5f;
  }
}

// One number in each half.
FX_INLINE vf by_halves(const float *a, const float *b) { return _mm512_mask_blend_ps(0xff00, v_set1(*a), v_set1(*b)); }

// Sums of R weight rows (1, or an even number) and M rows of x, spread.
FX_INLINE void dot_group_rows(const size_t R, const size_t M, const float *x, const float *sums, size_t groups,
                              const char *w, size_t pass, size_t passes, float *scales, float *out, size_t ldo) {
  const size_t ldw = groups * FX_GROUP_BYTES, lds = scale_floats(groups), second = R == 1 ? 0 : 1;
  vf s[FX_PASS_ROWS][FX_GROUP_ROWS / 2];
  float *minima = scales + FX_GROUP_ROWS * lds, *both = minima + FX_GROUP_ROWS * lds;
  for (size_t r = 0; r < R; r++) {
    read_scales(w + r * ldw, FX_GROUP_BYTES, groups, scales + r * lds, minima + r * lds);
    for (size_t m = 0; m < M; m++)
      mul_values(both + (m * FX_GROUP_ROWS + r) * lds, scales + r * lds, sums + (3 * m + 1) * groups, groups);
  }
  FX_UNROLL for (size_t m = 0; m < M; m++) FX_UNROLL for (size_t r = 0; r < R; r += 2) s[m][r / 2] = v_zero();
  for (size_t g = 0; g < groups; g++) {
    group_pair weights[FX_GROUP_ROWS / 2];
    for (size_t r = pass; r < R; r += passes) __builtin_prefetch(w + (R + r) * ldw + g * FX_GROUP_BYTES, 0, 2);
    FX_UNROLL for (size_t r = 0; r < R; r += 2)
      weights[r / 2] = load_group_pair(group_at(w + r * ldw, g), group_at(w + (r + second) * ldw, g));
    FX_UNROLL for (size_t m = 0; m < M; m++) {
      const value_pair values = load_value_pair((const int8_t *)(x + (m * groups + g) * FX_GROUP));
      FX_UNROLL for (size_t r = 0; r < R; r += 2) {
        const float *scale = both + (m * FX_GROUP_ROWS + r) * lds + g;
        s[m][r / 2] = v_fma(_mm512_cvtepi32_ps(dot_pair(weights[r / 2], values)), by_halves(scale, scale + second * lds), s[m][r / 2]);
      }
    }
  }
  // One sum across for products, minima and what was lost.
  vf ends[VW];
  FX_UNROLL for (size_t m = 0; m < M; m++) FX_UNROLL for (size_t r = 0; r < R; r++) {
    const float *row_sums = sums + 3 * m * groups, *lost = row_sums + 2 * groups;
    vf end = _mm512_maskz_mov_ps(r % 2 ? 0xff00 : 0x00ff, s[m][r / 2]);
    for (size_t g = 0; g < groups; g += VW) {
      const size_t some = fx_min(VW, groups - g);
      end = v_fma(v_load(minima + r * lds + g), v_load_n(row_sums + g, some), end);
      end = v_fma(v_load(scales + r * lds + g), v_load_n(lost + g, some), end);
    }
    ends[m * R + r] = end;
  }
  if (M * R == VW) {
    float all[VW];
    v_store(all, v_sums(ends));
    FX_UNROLL for (size_t m = 0; m < M; m++) memcpy(out + m * ldo, all + m * R, 4 * R);
    return;
  }
  FX_UNROLL for (size_t m = 0; m < M; m++) FX_UNROLL for (size_t r = 0; r < R; r++) out[m * ldo + r] = v_sum(ends[m * R + r]);
}
