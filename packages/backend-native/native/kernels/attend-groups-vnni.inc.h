// Scores and weighted sums over a cache of 4-bit groups, with products of bytes.

// A query head as pairs of bytes, a group in the room of its floats; behind it the sums of its groups and their scales.
static void spread_query(const float *plain, size_t dim, float *q) {
  float group[FX_GROUP], lost;
  for (size_t g = 0; g < dim / FX_GROUP; g++) {
    spread_group(plain + g * FX_GROUP, group, q + dim + g);
    q[dim + FX_MOST_HEAD_GROUPS + g] = pair_bytes(group, (int8_t *)(q + g * FX_GROUP), &lost);
  }
}

// Scores of `count` positions; q as `spread_query` gives it.
static void score_groups(const char *k, size_t dim, const float *q, size_t count, float *scores) {
  const size_t groups = dim / FX_GROUP, ld = groups * FX_GROUP_BYTES;
  const float *q_sums = q + dim, *q_scales = q_sums + FX_MOST_HEAD_GROUPS;
  float scales[FX_MOST_HEAD_GROUPS][FX_GROUP], minima[FX_MOST_HEAD_GROUPS][FX_GROUP];
  for (size_t p = 0; p < count; p += VW) {
    const size_t at = p % FX_GROUP;
    for (size_t g = 0; at == 0 && g < groups; g++)
      read_scales(k + p * ld + g * FX_GROUP_BYTES, ld, fx_min(FX_GROUP, count - p), scales[g], minima[g]);
    vf s = v_zero();
    for (size_t g = 0; g < groups; g++) {
      const char *first = k + g * FX_GROUP_BYTES;
      const int8_t *pairs = (const int8_t *)(q + g * FX_GROUP);
      __m512i r[VW];
      // The last position stands in for those behind it.
      FX_UNROLL for (size_t i = 0; i < VW; i++)
        r[i] = dot_bytes(nibble_bytes((const uint8_t *)first + fx_min(p + i, count - 1) * ld), pairs);
      s = v_fma(whole_sums(r), v_mul(v_load(scales[g] + at), v_set1(q_scales[g])), s);
      s = v_fma(v_load(minima[g] + at), v_set1(q_sums[g]), s);
    }
    if (p + VW <= count) v_store(scores + p, s);
    else v_store_n(scores + p, s, count - p);
  }
}

// Bytes of four positions side by side, value by value: part j has values 4 j to 4 j + 3 of each 16.
FX_INLINE void mix_positions(const __m512i n[4], __m512i mixed[4]) {
  __m512i ab = _mm512_unpacklo_epi8(n[0], n[1]), cd = _mm512_unpacklo_epi8(n[2], n[3]);
  mixed[0] = _mm512_unpacklo_epi16(ab, cd);
  mixed[1] = _mm512_unpackhi_epi16(ab, cd);
  ab = _mm512_unpackhi_epi8(n[0], n[1]), cd = _mm512_unpackhi_epi8(n[2], n[3]);
  mixed[2] = _mm512_unpacklo_epi16(ab, cd);
  mixed[3] = _mm512_unpackhi_epi16(ab, cd);
}

// Brings the values of `mix_positions` in order again: 16 in each vector.
FX_INLINE void order_values(vf r[4]) {
  vf a = _mm512_shuffle_f32x4(r[0], r[1], 0x44), b = _mm512_shuffle_f32x4(r[2], r[3], 0x44);
  vf c = _mm512_shuffle_f32x4(r[0], r[1], 0xee), d = _mm512_shuffle_f32x4(r[2], r[3], 0xee);
  r[0] = _mm512_shuffle_f32x4(a, b, 0x88);
  r[1] = _mm512_shuffle_f32x4(a, b, 0xdd);
  r[2] = _mm512_shuffle_f32x4(c, d, 0x88);
  r[3] = _mm512_shuffle_f32x4(c, d, 0xdd);
}

// sums [head dim] += values of up to 64 positions by weight.
static void sum_some_groups(const char *v, size_t groups, const float *weights, size_t count, float *sums) {
  const size_t ld = groups * FX_GROUP_BYTES;
  float scales[FX_GROUP], minima[FX_GROUP], products[FX_GROUP];
  int8_t pairs[2 * FX_GROUP];
  for (size_t g = 0; g < groups; g++) {
    const char *first = v + g * FX_GROUP_BYTES;
    read_scales(first, ld, count, scales, minima);
    vf rests = v_zero();
    for (size_t i = 0; i < FX_GROUP; i += VW) {
      // Nothing is read behind the last position: the product with a weight of zero need not be zero.
      size_t some = i < count ? fx_min(VW, count - i) : 0;
      vf weight = v_load_n(weights + i, some);
      v_store(products + i, v_mul(weight, v_load_n(scales + i, some)));
      rests = v_fma(weight, v_load_n(minima + i, some), rests);
    }
    const float rest = v_sum(rests);
    float lost;
    const float scale = pair_bytes(products, pairs, &lost);
    __m512i high[4], low[4];
    FX_UNROLL for (int j = 0; j < 4; j++) high[j] = low[j] = _mm512_setzero_si512();
    for (size_t p = 0; p < count; p += 4) {
      __m512i n[4], mixed[4];
      // Positions behind the last one have weights of zero: the last one stands in for them.
      FX_UNROLL for (size_t i = 0; i < 4; i++)
        n[i] = nibble_bytes((const uint8_t *)first + fx_min(p + i, count - 1) * ld);
      mix_positions(n, mixed);
      int32_t high_word, low_word;
      memcpy(&high_word, pairs + p, 4);
      memcpy(&low_word, pairs + FX_GROUP + p, 4);
      FX_UNROLL for (int j = 0; j < 4; j++) {
        high[j] = _mm512_dpbusd_epi32(high[j], mixed[j], _mm512_set1_epi32(high_word));
        low[j] = _mm512_dpbusd_epi32(low[j], mixed[j], _mm512_set1_epi32(low_word));
      }
    }
    vf r[4];
    FX_UNROLL for (int j = 0; j < 4; j++)
      r[j] = v_mul(_mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_slli_epi32(high[j], 8), low[j])), v_set1(scale));
    order_values(r);
    // Values with even index are the first two vectors.
    FX_UNROLL for (int j = 0; j < 2; j++) {
      vf a, b;
      v_interleave(r[j], r[2 + j], &a, &b);
      float *to = sums + g * FX_GROUP + 2 * j * VW;
      v_store(to, v_add(v_load(to), v_add(a, v_set1(rest))));
      v_store(to + VW, v_add(v_load(to + VW), v_add(b, v_set1(rest))));
    }
  }
}

// sums [head dim] += values of `count` positions by weight.
static void sum_groups(const char *v, size_t dim, const float *weights, size_t count, float *sums) {
  const size_t groups = dim / FX_GROUP;
  for (size_t p = 0; p < count; p += FX_GROUP)
    sum_some_groups(v + p * groups * FX_GROUP_BYTES, groups, weights + p, fx_min(FX_GROUP, count - p), sums);
}
