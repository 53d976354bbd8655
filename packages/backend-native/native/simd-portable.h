// The vector operations of every kernel in C alone, with the vectors of gcc and clang: right on every machine.
#define VW 4
#define MR 4
#define NV 2
// Weight rows that are read side by side for up to four rows of x, so that all sums stay in registers.
#define FX_ROWS 2
// The same for weights in 4-bit groups.
#define FX_GROUP_ROWS 2
// Rows of x up to which that is faster than packing.
#define FX_MOST_ROWS 16

typedef float vf __attribute__((vector_size(16)));
typedef int32_t vi __attribute__((vector_size(16)));

FX_INLINE vf v_set1(float x) { return (vf){x, x, x, x}; }
FX_INLINE vf v_zero(void) { return v_set1(0); }
FX_INLINE vf v_load_n(const void *p, size_t n) {
  vf r = v_zero();
  memcpy(&r, p, 4 * n);
  return r;
}
FX_INLINE vf v_load(const void *p) {
  vf r;
  memcpy(&r, p, sizeof r);
  return r;
}
FX_INLINE void v_store(void *p, vf a) { memcpy(p, &a, sizeof a); }
FX_INLINE void v_store_n(void *p, vf a, size_t n) { memcpy(p, &a, 4 * n); }
FX_INLINE vf v_load_f16_n(const void *p, size_t n) {
  uint16_t h[VW] = {0};
  memcpy(h, p, 2 * n);
  return (vf){fx_from_f16(h[0]), fx_from_f16(h[1]), fx_from_f16(h[2]), fx_from_f16(h[3])};
}
FX_INLINE vf v_load_bf16_n(const void *p, size_t n) {
  uint16_t h[VW] = {0};
  memcpy(h, p, 2 * n);
  return (vf){fx_from_bf16(h[0]), fx_from_bf16(h[1]), fx_from_bf16(h[2]), fx_from_bf16(h[3])};
}
FX_INLINE vf v_load_f16(const void *p) { return v_load_f16_n(p, VW); }
FX_INLINE vf v_load_bf16(const void *p) { return v_load_bf16_n(p, VW); }
FX_INLINE void v_store_f16_n(void *p, vf a, size_t n) {
  uint16_t h[VW] = {fx_to_f16(a[0]), fx_to_f16(a[1]), fx_to_f16(a[2]), fx_to_f16(a[3])};
  memcpy(p, h, 2 * n);
}
FX_INLINE void v_store_bf16_n(void *p, vf a, size_t n) {
  uint16_t h[VW] = {fx_to_bf16(a[0]), fx_to_bf16(a[1]), fx_to_bf16(a[2]), fx_to_bf16(a[3])};
  memcpy(p, h, 2 * n);
}
FX_INLINE void v_store_f16(void *p, vf a) { v_store_f16_n(p, a, VW); }
FX_INLINE void v_store_bf16(void *p, vf a) { v_store_bf16_n(p, a, VW); }

FX_INLINE vf v_add(vf a, vf b) { return a + b; }
FX_INLINE vf v_sub(vf a, vf b) { return a - b; }
FX_INLINE vf v_mul(vf a, vf b) { return a * b; }
FX_INLINE vf v_div(vf a, vf b) { return a / b; }
FX_INLINE vf v_fma(vf a, vf b, vf c) { return a * b + c; }
FX_INLINE vf v_choose(vi mask, vf yes, vf no) { return (vf)((mask & (vi)yes) | (~mask & (vi)no)); }
// A NaN in b is passed on.
FX_INLINE vf v_max(vf a, vf b) { return v_choose((vi)(a > b), a, b); }
FX_INLINE vf v_min(vf a, vf b) { return v_choose((vi)(a < b), a, b); }
FX_INLINE vf v_select_gt(vf a, vf b, vf yes, vf no) { return v_choose((vi)(a > b), yes, no); }
FX_INLINE int v_any_gt(vf a, vf b) {
  vi m = (vi)(a > b);
  return (m[0] | m[1] | m[2] | m[3]) != 0;
}
// Adding and taking away 1.5 * 2^23 rounds to whole numbers, to even; for what is below 2^22.
FX_INLINE vf v_round(vf a) {
  vf shifted = a + v_set1(12582912.0f);
  return shifted - v_set1(12582912.0f);
}
// 2^n of whole numbers in [-126, 127]; what a NaN gives does not count.
FX_INLINE vf v_pow2(vf n) {
  vi r;
  for (int i = 0; i < VW; i++) r[i] = (n[i] >= -126 && n[i] <= 127 ? (int32_t)n[i] + 127 : 127) << 23;
  return (vf)r;
}
FX_INLINE float v_sum(vf a) { return (a[0] + a[2]) + (a[1] + a[3]); }
FX_INLINE float v_top(vf a) {
  float s = a[0];
  for (int i = 1; i < VW; i++) s = a[i] > s ? a[i] : s;
  return s;
}
// Lane i is the sum of r[i].
FX_INLINE vf v_sums(const vf r[VW]) { return (vf){v_sum(r[0]), v_sum(r[1]), v_sum(r[2]), v_sum(r[3])}; }
FX_INLINE void v_transpose(vf r[VW]) {
  vf a = r[0], b = r[1], c = r[2], d = r[3];
  for (int i = 0; i < VW; i++) r[i] = (vf){a[i], b[i], c[i], d[i]};
}

// Low and high nibbles of 4 bytes as floats: values with even index stand in the high ones.
FX_INLINE void v_nibbles(const uint8_t *p, vf *even, vf *odd) {
  *even = (vf){(float)(p[0] >> 4), (float)(p[1] >> 4), (float)(p[2] >> 4), (float)(p[3] >> 4)};
  *odd = (vf){(float)(p[0] & 15), (float)(p[1] & 15), (float)(p[2] & 15), (float)(p[3] & 15)};
}
// even[0], odd[0], even[1], odd[1], ...
FX_INLINE void v_interleave(vf even, vf odd, vf *low, vf *high) {
  *low = (vf){even[0], odd[0], even[1], odd[1]};
  *high = (vf){even[2], odd[2], even[3], odd[3]};
}

// Low and high halves of 4 words that are `stride` bytes apart, two float16 numbers each.
FX_INLINE void v_split_halves(const char *p, size_t stride, vf *low, vf *high) {
  for (int i = 0; i < VW; i++) {
    uint16_t halves[2];
    memcpy(halves, p + (size_t)i * stride, 4);
    (*low)[i] = fx_from_f16(halves[0]);
    (*high)[i] = fx_from_f16(halves[1]);
  }
}
