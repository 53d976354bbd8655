// What the machine can do at most, for the roofline: a read of memory, and multiplications that stay in registers.

static double measure_read(const char *data, size_t n) {
  vf s[8];
  for (int j = 0; j < 8; j++) s[j] = v_zero();
  const size_t step = 8 * sizeof(vf);
  for (size_t i = 0; i + step <= n; i += step)
    FX_UNROLL for (int j = 0; j < 8; j++) s[j] = v_add(s[j], v_load(data + i + (size_t)j * sizeof(vf)));
  for (int j = 1; j < 8; j++) s[0] = v_add(s[0], s[j]);
  return v_sum(s[0]);
}

enum { FX_CHAINS = MR * NV };

#if FX_HAS_AMX
// The same in matrix registers.
static double measure_multiply(size_t rounds) {
  open_tiles();
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  for (size_t i = 0; i < rounds; i++) {
    _tile_dpbf16ps(0, 4, 5);
    _tile_dpbf16ps(1, 4, 5);
    _tile_dpbf16ps(2, 4, 5);
    _tile_dpbf16ps(3, 4, 5);
  }
  close_tiles();
  return (double)rounds * 4 * 16 * 16 * 32;
}
#else
// Gives the multiplications done, a little more or less by what the compiler must not know.
static double measure_multiply(size_t rounds) {
  vf s[FX_CHAINS], a = v_set1(1e-3f), b = v_set1(1e-3f);
  FX_UNROLL for (int j = 0; j < FX_CHAINS; j++) s[j] = v_set1((float)j);
  for (size_t i = 0; i < rounds; i++) {
#if FX_HAS_BF16
    FX_UNROLL for (int j = 0; j < FX_CHAINS; j++) s[j] = v_dot_bf16(s[j], a, b);
#else
    FX_UNROLL for (int j = 0; j < FX_CHAINS; j++) s[j] = v_fma(a, b, s[j]);
#endif
  }
  FX_UNROLL for (int j = 1; j < FX_CHAINS; j++) s[0] = v_add(s[0], s[j]);
  double counted = (double)rounds * FX_CHAINS * VW * (FX_HAS_BF16 ? 2 : 1);
  return counted + (double)v_sum(s[0]) * 1e-30;
}
#endif
