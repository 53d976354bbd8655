// 4-bit groups with products of bytes. What meets the nibbles is rounded to 16 bits of its largest magnitude in the group, as a
// high and a low byte: the products are exact, and half as many as with float32.

// The nibbles of a group as bytes: values with even index, then those with odd index.
FX_INLINE __m512i nibble_bytes(const uint8_t *group) {
  const __m256i low = _mm256_set1_epi8(15), b = _mm256_loadu_si256((const __m256i *)group);
  __m256i even = _mm256_and_si256(_mm256_srli_epi16(b, 4), low), odd = _mm256_and_si256(b, low);
  return _mm512_inserti64x4(_mm512_castsi256_si512(even), odd, 1);
}

// Largest whole number that a high and a low byte make, both with a sign.
static const float most_pair = 32512;

// 64 values as whole multiples of the scale that is returned: high bytes, then low bytes. `lost` is what their sum has lost.
static float pair_bytes(const float *spread, int8_t *to, float *lost) {
  vf largest = v_zero(), rests = v_zero(), sum = v_zero();
  __m512i whole_sum = _mm512_setzero_si512();
  for (int i = 0; i < FX_GROUP; i += VW) {
    vf x = v_load(spread + i);
    largest = v_max(largest, v_abs(x));
    rests = v_fma(x, v_zero(), rests);
    sum = v_add(sum, x);
  }
  const float most = v_top(largest), rest = v_sum(rests);
  // No number among them makes the scale, and so every product, no number.
  float scale = most / most_pair + rest, inverse = most > 0 && scale > 0 && 1 / scale < INFINITY ? 1 / scale : 0;
  for (int i = 0; i < FX_GROUP; i += VW) {
    __m512i whole = _mm512_cvtps_epi32(v_mul(v_load(spread + i), v_set1(inverse)));
    whole_sum = _mm512_add_epi32(whole_sum, whole);
    __m512i high = _mm512_srai_epi32(_mm512_add_epi32(whole, _mm512_set1_epi32(128)), 8);
    __m512i low = _mm512_sub_epi32(whole, _mm512_slli_epi32(high, 8));
    _mm_storeu_si128((__m128i *)(to + i), _mm512_cvtepi32_epi8(high));
    _mm_storeu_si128((__m128i *)(to + FX_GROUP + i), _mm512_cvtepi32_epi8(low));
  }
  *lost = v_sum(sum) - scale * (float)_mm512_reduce_add_epi32(whole_sum);
  return scale;
}

// nibbles . pairs of one group: 16 sums of whole numbers.
FX_INLINE __m512i dot_bytes(__m512i nibbles, const int8_t *pairs) {
  __m512i s = _mm512_dpbusd_epi32(_mm512_setzero_si512(), nibbles, _mm512_loadu_si512(pairs));
  return _mm512_dpbusd_epi32(_mm512_slli_epi32(s, 8), nibbles, _mm512_loadu_si512(pairs + FX_GROUP));
}

FX_INLINE __m512i whole_fold2(__m512i a, __m512i b) {
  return _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
}
FX_INLINE __m512i whole_fold4(__m512i a, __m512i b) {
  return _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
}
FX_INLINE __m512i whole_fold_lanes(__m512i a, __m512i b) {
  return _mm512_add_epi32(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xdd));
}
// Lane i is the sum of r[i].
FX_INLINE vf whole_sums(const __m512i r[VW]) {
  __m512i u[4];
  FX_UNROLL for (int j = 0; j < 4; j++)
    u[j] = whole_fold4(whole_fold2(r[4 * j], r[4 * j + 1]), whole_fold2(r[4 * j + 2], r[4 * j + 3]));
  return _mm512_cvtepi32_ps(whole_fold_lanes(whole_fold_lanes(u[0], u[1]), whole_fold_lanes(u[2], u[3])));
}
