// The vector operations of every kernel, for NEON on 64-bit ARM.
#include <arm_neon.h>

#define VW 4
// 24 sums in 32 registers.
#define MR 12
#define NV 2
// Weight rows that are read side by side for up to four rows of x, so that all sums stay in registers.
#define FX_ROWS 6
// The same for weights in 4-bit groups.
#define FX_GROUP_ROWS 4
// Rows of x up to which that is faster than packing.
#define FX_MOST_ROWS 48

typedef float32x4_t vf;

FX_INLINE vf v_zero(void) { return vdupq_n_f32(0); }
FX_INLINE vf v_set1(float x) { return vdupq_n_f32(x); }
FX_INLINE vf v_load(const void *p) { return vreinterpretq_f32_u8(vld1q_u8(p)); }
FX_INLINE void v_store(void *p, vf a) { vst1q_u8(p, vreinterpretq_u8_f32(a)); }
FX_INLINE vf v_load_n(const void *p, size_t n) {
  float part[4] = {0};
  memcpy(part, p, 4 * n);
  return vld1q_f32(part);
}
FX_INLINE void v_store_n(void *p, vf a, size_t n) {
  float part[4];
  vst1q_f32(part, a);
  memcpy(p, part, 4 * n);
}
FX_INLINE uint16x4_t v_load_half(const void *p) { return vreinterpret_u16_u8(vld1_u8(p)); }
FX_INLINE uint16x4_t v_load_half_n(const void *p, size_t n) {
  uint16_t part[4] = {0};
  memcpy(part, p, 2 * n);
  return vld1_u16(part);
}
FX_INLINE void v_store_half_n(void *p, uint16x4_t h, size_t n) {
  uint16_t part[4];
  vst1_u16(part, h);
  memcpy(p, part, 2 * n);
}
FX_INLINE vf v_from_f16(uint16x4_t h) { return vcvt_f32_f16(vreinterpret_f16_u16(h)); }
FX_INLINE vf v_from_bf16(uint16x4_t h) { return vreinterpretq_f32_u32(vshll_n_u16(h, 16)); }
FX_INLINE vf v_load_f16(const void *p) { return v_from_f16(v_load_half(p)); }
FX_INLINE vf v_load_bf16(const void *p) { return v_from_bf16(v_load_half(p)); }
FX_INLINE vf v_load_f16_n(const void *p, size_t n) { return v_from_f16(v_load_half_n(p, n)); }
FX_INLINE vf v_load_bf16_n(const void *p, size_t n) { return v_from_bf16(v_load_half_n(p, n)); }
FX_INLINE uint16x4_t v_to_f16(vf a) { return vreinterpret_u16_f16(vcvt_f16_f32(a)); }
FX_INLINE uint16x4_t v_to_bf16(vf a) {
  uint32x4_t bits = vreinterpretq_u32_f32(a);
  uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
  uint32x4_t rounded = vaddq_u32(vaddq_u32(bits, odd), vdupq_n_u32(0x7fff));
  // Rounding must not turn a NaN into an infinity.
  rounded = vbslq_u32(vceqq_f32(a, a), rounded, vorrq_u32(bits, vdupq_n_u32(0x400000)));
  return vshrn_n_u32(rounded, 16);
}
FX_INLINE void v_store_f16(void *p, vf a) { vst1_u8(p, vreinterpret_u8_u16(v_to_f16(a))); }
FX_INLINE void v_store_bf16(void *p, vf a) { vst1_u8(p, vreinterpret_u8_u16(v_to_bf16(a))); }
FX_INLINE void v_store_f16_n(void *p, vf a, size_t n) { v_store_half_n(p, v_to_f16(a), n); }
FX_INLINE void v_store_bf16_n(void *p, vf a, size_t n) { v_store_half_n(p, v_to_bf16(a), n); }

FX_INLINE vf v_add(vf a, vf b) { return vaddq_f32(a, b); }
FX_INLINE vf v_sub(vf a, vf b) { return vsubq_f32(a, b); }
FX_INLINE vf v_mul(vf a, vf b) { return vmulq_f32(a, b); }
FX_INLINE vf v_div(vf a, vf b) { return vdivq_f32(a, b); }
FX_INLINE vf v_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
// A NaN in b is passed on.
FX_INLINE vf v_max(vf a, vf b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
FX_INLINE vf v_min(vf a, vf b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
FX_INLINE vf v_select_gt(vf a, vf b, vf yes, vf no) { return vbslq_f32(vcgtq_f32(a, b), yes, no); }
FX_INLINE int v_any_gt(vf a, vf b) { return vmaxvq_u32(vcgtq_f32(a, b)) != 0; }
FX_INLINE vf v_round(vf a) { return vrndnq_f32(a); }
// 2^n of whole numbers in [-126, 127].
FX_INLINE vf v_pow2(vf n) {
  return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127)), 23));
}
FX_INLINE float v_sum(vf a) { return vaddvq_f32(a); }
FX_INLINE float v_top(vf a) { return vmaxvq_f32(a); }
// Lane i is the sum of r[i].
FX_INLINE vf v_sums(const vf r[VW]) { return vpaddq_f32(vpaddq_f32(r[0], r[1]), vpaddq_f32(r[2], r[3])); }

// Transposes 4 x 4 values of 32 bits.
FX_INLINE void v_transpose(vf r[VW]) {
  float64x2_t a = vreinterpretq_f64_f32(vtrn1q_f32(r[0], r[1])), b = vreinterpretq_f64_f32(vtrn2q_f32(r[0], r[1]));
  float64x2_t c = vreinterpretq_f64_f32(vtrn1q_f32(r[2], r[3])), d = vreinterpretq_f64_f32(vtrn2q_f32(r[2], r[3]));
  r[0] = vreinterpretq_f32_f64(vtrn1q_f64(a, c));
  r[1] = vreinterpretq_f32_f64(vtrn1q_f64(b, d));
  r[2] = vreinterpretq_f32_f64(vtrn2q_f64(a, c));
  r[3] = vreinterpretq_f32_f64(vtrn2q_f64(b, d));
}

// Low and high nibbles of 4 bytes as floats: values with even index stand in the high ones.
FX_INLINE void v_nibbles(const uint8_t *p, vf *even, vf *odd) {
  uint32_t word;
  memcpy(&word, p, 4);
  uint32x4_t b = vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(word))));
  *even = vcvtq_f32_u32(vshrq_n_u32(b, 4));
  *odd = vcvtq_f32_u32(vandq_u32(b, vdupq_n_u32(15)));
}
// even[0], odd[0], even[1], odd[1], ...
FX_INLINE void v_interleave(vf even, vf odd, vf *low, vf *high) {
  *low = vzip1q_f32(even, odd);
  *high = vzip2q_f32(even, odd);
}

// Low and high halves of 4 words, two float16 numbers each.
FX_INLINE void v_split_halves(const char *p, size_t stride, vf *low, vf *high) {
  uint32_t words[4];
  for (size_t i = 0; i < 4; i++) memcpy(&words[i], p + i * stride, 4);
  uint32x4_t w = vld1q_u32(words);
  *low = v_from_f16(vmovn_u32(w));
  *high = v_from_f16(vshrn_n_u32(w, 16));
}
