// 4-bit groups with products of bytes. What meets the nibbles is rounded to 16 bits of its largest magnitude in the group, as a
// high and a low byte: the products are exact, and half as many as with float32.

// Largest whole number that a high and a low byte make, both with a sign.
static const float most_pair = 32512;

// 64 values as whole multiples of the scale that is returned: high bytes, then low bytes. `lost` holds, in parts, what their sum
// has lost.
FX_INLINE float pair_bytes(const vf x[4], int8_t *to, vf *lost) {
  const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
  __m512i largest = _mm512_setzero_si512(), whole_sum = largest;
  FX_UNROLL for (int i = 0; i < 4; i++)
    largest = _mm512_max_epi32(largest, _mm512_and_si512(_mm512_castps_si512(x[i]), magnitude));
  const float most = fx_from_bits((uint32_t)_mm512_reduce_max_epi32(largest));
  // No number among them, which has the largest bits, makes the scale, and so every product, no number.
  const float scale = most < INFINITY ? most / most_pair : NAN, inverse = most > 1e-30f ? most_pair / most : 0;
  __m512i whole[4];
  FX_UNROLL for (int i = 0; i < 4; i++) {
    whole[i] = _mm512_cvtps_epi32(v_mul(x[i], v_set1(inverse)));
    whole_sum = _mm512_add_epi32(whole_sum, whole[i]);
  }
  const __m512i a = _mm512_packs_epi32(whole[0], whole[1]), b = _mm512_packs_epi32(whole[2], whole[3]);
  const __m512i half = _mm512_set1_epi16(128), byte = _mm512_set1_epi16(255);
  __m512i high = _mm512_packs_epi16(_mm512_srai_epi16(_mm512_add_epi16(a, half), 8),
                                    _mm512_srai_epi16(_mm512_add_epi16(b, half), 8));
  // The byte that is left is what the high byte is short of, with its sign.
  __m512i low = _mm512_packus_epi16(_mm512_and_si512(a, byte), _mm512_and_si512(b, byte));
  // Packing has put the four words of each quarter side by side.
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  _mm512_storeu_si512(to, _mm512_permutexvar_epi32(order, high));
  _mm512_storeu_si512(to + FX_GROUP, _mm512_permutexvar_epi32(order, low));
  *lost = v_fma(_mm512_cvtepi32_ps(whole_sum), v_set1(-scale), v_add(v_add(x[0], x[1]), v_add(x[2], x[3])));
  return scale;
}

// The same of a group in memory; `lost` is what the sum has lost.
static float pair_group(const float *spread, int8_t *to, float *lost) {
  const vf x[4] = {v_load(spread), v_load(spread + VW), v_load(spread + 2 * VW), v_load(spread + 3 * VW)};
  vf parts;
  const float scale = pair_bytes(x, to, &parts);
  *lost = v_sum(parts);
  return scale;
}

// Nibbles of two groups as bytes, one group in each half: values with even index, and those with odd index.
typedef struct {
  __m512i even, odd;
} group_pair;

FX_INLINE group_pair load_group_pair(const uint8_t *a, const uint8_t *b) {
  const __m512i low = _mm512_set1_epi8(15);
  __m512i both = _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)a));
  both = _mm512_inserti64x4(both, _mm256_loadu_si256((const __m256i *)b), 1);
  return (group_pair){_mm512_and_si512(_mm512_srli_epi16(both, 4), low), _mm512_and_si512(both, low)};
}

// High and low bytes of one group of values, in both halves.
typedef struct {
  __m512i even_high, odd_high, even_low, odd_low;
} value_pair;

FX_INLINE __m512i in_both_halves(const int8_t *p) {
  return _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)p));
}
FX_INLINE value_pair load_value_pair(const int8_t *pairs) {
  return (value_pair){in_both_halves(pairs), in_both_halves(pairs + FX_HALF), in_both_halves(pairs + FX_GROUP),
                      in_both_halves(pairs + FX_GROUP + FX_HALF)};
}

// Products of two groups with one group of values: 8 sums of whole numbers in each half.
FX_INLINE __m512i dot_pair(group_pair g, value_pair x) {
  __m512i s = _mm512_dpbusd_epi32(_mm512_setzero_si512(), g.even, x.even_high);
  s = _mm512_slli_epi32(_mm512_dpbusd_epi32(s, g.odd, x.odd_high), 8);
  return _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(s, g.even, x.even_low), g.odd, x.odd_low);
}

FX_INLINE __m512i whole_fold2(__m512i a, __m512i b) {
  return _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
}
FX_INLINE __m512i whole_fold4(__m512i a, __m512i b) {
  return _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
}
// Sums of the halves of 8 vectors: lane 8 (i / 4) + i % 4 is that of the first half of r[i], four lanes later the second.
FX_INLINE vf half_sums(const __m512i r[8]) {
  __m512i a = whole_fold4(whole_fold2(r[0], r[1]), whole_fold2(r[2], r[3]));
  __m512i b = whole_fold4(whole_fold2(r[4], r[5]), whole_fold2(r[6], r[7]));
  return _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xdd)));
}
