// The vector operations of every kernel, for AVX-512 (F, BW, VL, DQ).
#include <immintrin.h>

#define VW 16
// Rows and vectors of a tile of the blocked product: 24 sums in 32 registers.
#define MR 12
#define NV 2
// Weight rows that are read side by side for up to four rows of x, so that all sums stay in registers.
#define FX_ROWS 6
// The same for weights in 4-bit groups.
#define FX_GROUP_ROWS 4
// Rows of x up to which that is faster than packing.
#define FX_MOST_ROWS 64
// The same where matrix registers multiply packed blocks.
#define FX_AMX_MOST_ROWS 8

typedef __m512 vf;

FX_INLINE __mmask16 v_mask(size_t n) { return (__mmask16)((1u << n) - 1u); }
FX_INLINE vf v_zero(void) { return _mm512_setzero_ps(); }
FX_INLINE vf v_set1(float x) { return _mm512_set1_ps(x); }
FX_INLINE vf v_load(const void *p) { return _mm512_loadu_ps(p); }
FX_INLINE void v_store(void *p, vf a) { _mm512_storeu_ps(p, a); }
FX_INLINE vf v_load_n(const void *p, size_t n) { return _mm512_maskz_loadu_ps(v_mask(n), p); }
FX_INLINE void v_store_n(void *p, vf a, size_t n) { _mm512_mask_storeu_ps(p, v_mask(n), a); }

FX_INLINE vf v_from_bf16(__m256i h) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
}
FX_INLINE vf v_load_f16(const void *p) { return _mm512_cvtph_ps(_mm256_loadu_si256(p)); }
FX_INLINE vf v_load_bf16(const void *p) { return v_from_bf16(_mm256_loadu_si256(p)); }
FX_INLINE vf v_load_f16_n(const void *p, size_t n) { return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(v_mask(n), p)); }
FX_INLINE vf v_load_bf16_n(const void *p, size_t n) { return v_from_bf16(_mm256_maskz_loadu_epi16(v_mask(n), p)); }

FX_INLINE __m256i v_to_f16(vf a) { return _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
FX_INLINE __m256i v_to_bf16(vf a) {
  __m512i bits = _mm512_castps_si512(a);
  __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(bits, odd), _mm512_set1_epi32(0x7fff));
  // Rounding must not turn a NaN into an infinity.
  __mmask16 nan = _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q);
  rounded = _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x400000));
  return _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16));
}
FX_INLINE void v_store_f16(void *p, vf a) { _mm256_storeu_si256(p, v_to_f16(a)); }
FX_INLINE void v_store_bf16(void *p, vf a) { _mm256_storeu_si256(p, v_to_bf16(a)); }
FX_INLINE void v_store_f16_n(void *p, vf a, size_t n) { _mm256_mask_storeu_epi16(p, v_mask(n), v_to_f16(a)); }
FX_INLINE void v_store_bf16_n(void *p, vf a, size_t n) { _mm256_mask_storeu_epi16(p, v_mask(n), v_to_bf16(a)); }

FX_INLINE vf v_add(vf a, vf b) { return _mm512_add_ps(a, b); }
FX_INLINE vf v_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
FX_INLINE vf v_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
FX_INLINE vf v_div(vf a, vf b) { return _mm512_div_ps(a, b); }
FX_INLINE vf v_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
// A NaN in b is passed on.
FX_INLINE vf v_max(vf a, vf b) { return _mm512_max_ps(a, b); }
FX_INLINE vf v_min(vf a, vf b) { return _mm512_min_ps(a, b); }
FX_INLINE vf v_select_gt(vf a, vf b, vf yes, vf no) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_GT_OQ), no, yes);
}
FX_INLINE int v_any_gt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ) != 0; }
FX_INLINE vf v_round(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
// 2^n of whole numbers in [-126, 127].
FX_INLINE vf v_pow2(vf n) {
  __m512i e = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
  return _mm512_castsi512_ps(_mm512_slli_epi32(e, 23));
}
FX_INLINE float v_sum(vf a) { return _mm512_reduce_add_ps(a); }
FX_INLINE float v_top(vf a) { return _mm512_reduce_max_ps(a); }

FX_INLINE vf v_fold2(vf a, vf b) { return v_add(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b)); }
FX_INLINE vf v_fold4(vf a, vf b) {
  __m512d x = _mm512_castps_pd(a), y = _mm512_castps_pd(b);
  return v_add(_mm512_castpd_ps(_mm512_unpacklo_pd(x, y)), _mm512_castpd_ps(_mm512_unpackhi_pd(x, y)));
}
FX_INLINE vf v_fold_lanes(vf a, vf b) {
  return v_add(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
}
// Lane i is the sum of r[i].
FX_INLINE vf v_sums(const vf r[VW]) {
  vf u[4];
  for (int j = 0; j < 4; j++) u[j] = v_fold4(v_fold2(r[4 * j], r[4 * j + 1]), v_fold2(r[4 * j + 2], r[4 * j + 3]));
  return v_fold_lanes(v_fold_lanes(u[0], u[1]), v_fold_lanes(u[2], u[3]));
}

// Transposes 16 x 16 values of 32 bits.
FX_INLINE void v_transpose(vf r[VW]) {
  vf t[VW];
  for (int i = 0; i < 16; i += 4) {
    vf a = _mm512_unpacklo_ps(r[i], r[i + 1]), b = _mm512_unpackhi_ps(r[i], r[i + 1]);
    vf c = _mm512_unpacklo_ps(r[i + 2], r[i + 3]), d = _mm512_unpackhi_ps(r[i + 2], r[i + 3]);
    t[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(c)));
    t[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(c)));
    t[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(b), _mm512_castps_pd(d)));
    t[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(b), _mm512_castps_pd(d)));
  }
  // t[4 q + c] has, in lane l, column 4 l + c of rows 4 q to 4 q + 3.
  for (int c = 0; c < 4; c++) {
    vf a = _mm512_shuffle_f32x4(t[c], t[4 + c], 0x88), b = _mm512_shuffle_f32x4(t[c], t[4 + c], 0xdd);
    vf d = _mm512_shuffle_f32x4(t[8 + c], t[12 + c], 0x88), e = _mm512_shuffle_f32x4(t[8 + c], t[12 + c], 0xdd);
    r[c] = _mm512_shuffle_f32x4(a, d, 0x88);
    r[8 + c] = _mm512_shuffle_f32x4(a, d, 0xdd);
    r[4 + c] = _mm512_shuffle_f32x4(b, e, 0x88);
    r[12 + c] = _mm512_shuffle_f32x4(b, e, 0xdd);
  }
}

// Low and high nibbles of 16 bytes as floats: values with even index stand in the high ones.
FX_INLINE void v_nibbles(const uint8_t *p, vf *even, vf *odd) {
  __m512i b = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
  *even = _mm512_cvtepi32_ps(_mm512_srli_epi32(b, 4));
  *odd = _mm512_cvtepi32_ps(_mm512_and_si512(b, _mm512_set1_epi32(15)));
}
// even[0], odd[0], even[1], odd[1], ...
FX_INLINE void v_interleave(vf even, vf odd, vf *low, vf *high) {
  const __m512i first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  *low = _mm512_permutex2var_ps(even, first, odd);
  *high = _mm512_permutex2var_ps(even, _mm512_add_epi32(first, _mm512_set1_epi32(8)), odd);
}

// Low and high halves of 16 words that are `stride` bytes apart, two float16 numbers each. The words go straight to a register:
// a load of what was just stored word by word would wait for all of it.
FX_INLINE int32_t v_word(const char *p) {
  int32_t word;
  memcpy(&word, p, 4);
  return word;
}
FX_INLINE __m128i v_four_words(const char *p, size_t stride) {
  __m128i w = _mm_insert_epi32(_mm_cvtsi32_si128(v_word(p)), v_word(p + stride), 1);
  return _mm_insert_epi32(_mm_insert_epi32(w, v_word(p + 2 * stride), 2), v_word(p + 3 * stride), 3);
}
FX_INLINE void v_split_halves(const char *p, size_t stride, vf *low, vf *high) {
  __m512i w = _mm512_castsi128_si512(v_four_words(p, stride));
  w = _mm512_inserti32x4(w, v_four_words(p + 4 * stride, stride), 1);
  w = _mm512_inserti32x4(w, v_four_words(p + 8 * stride, stride), 2);
  w = _mm512_inserti32x4(w, v_four_words(p + 12 * stride, stride), 3);
  *low = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(w));
  *high = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_srli_epi32(w, 16)));
}
