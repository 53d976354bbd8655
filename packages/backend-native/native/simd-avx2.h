// The vector operations of every kernel, for AVX2 with F16C and FMA.
#include <immintrin.h>

#define VW 8
// 12 sums in 16 registers.
#define MR 6
#define NV 2
// Weight rows that are read side by side for up to four rows of x, so that all sums stay in registers.
#define FX_ROWS 3
// The same for weights in 4-bit groups.
#define FX_GROUP_ROWS 2
// Rows of x up to which that is faster than packing.
#define FX_MOST_ROWS 48

typedef __m256 vf;

FX_INLINE __m256i v_mask(size_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
FX_INLINE vf v_zero(void) { return _mm256_setzero_ps(); }
FX_INLINE vf v_set1(float x) { return _mm256_set1_ps(x); }
FX_INLINE vf v_load(const void *p) { return _mm256_loadu_ps(p); }
FX_INLINE void v_store(void *p, vf a) { _mm256_storeu_ps(p, a); }
FX_INLINE vf v_load_n(const void *p, size_t n) { return _mm256_maskload_ps(p, v_mask(n)); }
FX_INLINE void v_store_n(void *p, vf a, size_t n) { _mm256_maskstore_ps(p, v_mask(n), a); }

FX_INLINE vf v_from_bf16(__m128i h) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16)); }
FX_INLINE __m128i v_load_half_n(const void *p, size_t n) {
  uint16_t part[8] = {0};
  memcpy(part, p, 2 * n);
  return _mm_loadu_si128((const __m128i *)part);
}
FX_INLINE void v_store_half_n(void *p, __m128i h, size_t n) {
  uint16_t part[8];
  _mm_storeu_si128((__m128i *)part, h);
  memcpy(p, part, 2 * n);
}
FX_INLINE vf v_load_f16(const void *p) { return _mm256_cvtph_ps(_mm_loadu_si128(p)); }
FX_INLINE vf v_load_bf16(const void *p) { return v_from_bf16(_mm_loadu_si128(p)); }
FX_INLINE vf v_load_f16_n(const void *p, size_t n) { return _mm256_cvtph_ps(v_load_half_n(p, n)); }
FX_INLINE vf v_load_bf16_n(const void *p, size_t n) { return v_from_bf16(v_load_half_n(p, n)); }

FX_INLINE __m128i v_to_f16(vf a) { return _mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
FX_INLINE __m128i v_to_bf16(vf a) {
  __m256i bits = _mm256_castps_si256(a);
  __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  __m256i rounded = _mm256_add_epi32(_mm256_add_epi32(bits, odd), _mm256_set1_epi32(0x7fff));
  // Rounding must not turn a NaN into an infinity.
  __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(a, a, _CMP_UNORD_Q));
  rounded = _mm256_blendv_epi8(rounded, _mm256_or_si256(bits, _mm256_set1_epi32(0x400000)), nan);
  __m256i high = _mm256_srli_epi32(rounded, 16);
  __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(high, high), 0x08);
  return _mm256_castsi256_si128(packed);
}
FX_INLINE void v_store_f16(void *p, vf a) { _mm_storeu_si128(p, v_to_f16(a)); }
FX_INLINE void v_store_bf16(void *p, vf a) { _mm_storeu_si128(p, v_to_bf16(a)); }
FX_INLINE void v_store_f16_n(void *p, vf a, size_t n) { v_store_half_n(p, v_to_f16(a), n); }
FX_INLINE void v_store_bf16_n(void *p, vf a, size_t n) { v_store_half_n(p, v_to_bf16(a), n); }

FX_INLINE vf v_add(vf a, vf b) { return _mm256_add_ps(a, b); }
FX_INLINE vf v_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
FX_INLINE vf v_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
FX_INLINE vf v_div(vf a, vf b) { return _mm256_div_ps(a, b); }
FX_INLINE vf v_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
// A NaN in b is passed on.
FX_INLINE vf v_max(vf a, vf b) { return _mm256_max_ps(a, b); }
FX_INLINE vf v_min(vf a, vf b) { return _mm256_min_ps(a, b); }
FX_INLINE vf v_select_gt(vf a, vf b, vf yes, vf no) {
  return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_GT_OQ));
}
FX_INLINE int v_any_gt(vf a, vf b) { return _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ)) != 0; }
FX_INLINE vf v_round(vf a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
// 2^n of whole numbers in [-126, 127].
FX_INLINE vf v_pow2(vf n) {
  __m256i e = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
  return _mm256_castsi256_ps(_mm256_slli_epi32(e, 23));
}
FX_INLINE float v_sum(vf a) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
FX_INLINE float v_top(vf a) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
// Lane i is the sum of r[i].
FX_INLINE vf v_sums(const vf r[VW]) {
  vf low = _mm256_hadd_ps(_mm256_hadd_ps(r[0], r[1]), _mm256_hadd_ps(r[2], r[3]));
  vf high = _mm256_hadd_ps(_mm256_hadd_ps(r[4], r[5]), _mm256_hadd_ps(r[6], r[7]));
  return v_add(_mm256_permute2f128_ps(low, high, 0x20), _mm256_permute2f128_ps(low, high, 0x31));
}

// Transposes 8 x 8 values of 32 bits.
FX_INLINE void v_transpose(vf r[VW]) {
  vf t[VW];
  for (int i = 0; i < 8; i += 4) {
    vf a = _mm256_unpacklo_ps(r[i], r[i + 1]), b = _mm256_unpackhi_ps(r[i], r[i + 1]);
    vf c = _mm256_unpacklo_ps(r[i + 2], r[i + 3]), d = _mm256_unpackhi_ps(r[i + 2], r[i + 3]);
    t[i] = _mm256_shuffle_ps(a, c, 0x44);
    t[i + 1] = _mm256_shuffle_ps(a, c, 0xee);
    t[i + 2] = _mm256_shuffle_ps(b, d, 0x44);
    t[i + 3] = _mm256_shuffle_ps(b, d, 0xee);
  }
  for (int c = 0; c < 4; c++) {
    r[c] = _mm256_permute2f128_ps(t[c], t[4 + c], 0x20);
    r[4 + c] = _mm256_permute2f128_ps(t[c], t[4 + c], 0x31);
  }
}

// Low and high nibbles of 8 bytes as floats: values with even index stand in the high ones.
FX_INLINE void v_nibbles(const uint8_t *p, vf *even, vf *odd) {
  __m256i b = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
  *even = _mm256_cvtepi32_ps(_mm256_srli_epi32(b, 4));
  *odd = _mm256_cvtepi32_ps(_mm256_and_si256(b, _mm256_set1_epi32(15)));
}
// even[0], odd[0], even[1], odd[1], ...
FX_INLINE void v_interleave(vf even, vf odd, vf *low, vf *high) {
  vf a = _mm256_unpacklo_ps(even, odd), b = _mm256_unpackhi_ps(even, odd);
  *low = _mm256_permute2f128_ps(a, b, 0x20);
  *high = _mm256_permute2f128_ps(a, b, 0x31);
}

// Low and high halves of 8 words that are `stride` bytes apart, two float16 numbers each.
FX_INLINE void v_split_halves(const char *p, size_t stride, vf *low, vf *high) {
  int32_t n[8];
  for (size_t i = 0; i < 8; i++) memcpy(&n[i], p + i * stride, 4);
  __m256i w = _mm256_setr_epi32(n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7]);
  __m256i halves = _mm256_packus_epi32(_mm256_and_si256(w, _mm256_set1_epi32(0xffff)), _mm256_srli_epi32(w, 16));
  halves = _mm256_permute4x64_epi64(halves, 0xd8);
  *low = _mm256_cvtph_ps(_mm256_castsi256_si128(halves));
  *high = _mm256_cvtph_ps(_mm256_extracti128_si256(halves, 1));
}
