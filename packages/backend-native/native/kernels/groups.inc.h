// 4-bit groups: values of even index are spread into the first half of a group, those of odd index into the second, so that
// nibbles meet them without being put in order. A product with a group is scale * (nibbles . x) + minimum * (sum of x).

enum { FX_HALF = FX_GROUP / 2 };

FX_INLINE const uint8_t *group_at(const char *groups, size_t g) { return (const uint8_t *)groups + g * FX_GROUP_BYTES; }

// Scales and minima of n groups that are `stride` bytes apart, as floats; zeros up to a whole vector behind them.
FX_INLINE void read_scales(const char *groups, size_t stride, size_t n, float *scales, float *minima) {
  const char *words = groups + 32;
  vf scale, minimum;
  size_t i = 0;
  for (; i + VW <= n; i += VW) {
    v_split_halves(words + i * stride, stride, &scale, &minimum);
    v_store(scales + i, scale);
    v_store(minima + i, minimum);
  }
  if (i == n) return;
  uint32_t rest[VW] = {0};
  for (size_t j = i; j < n; j++) memcpy(&rest[j - i], words + j * stride, 4);
  v_split_halves((const char *)rest, 4, &scale, &minimum);
  v_store(scales + i, scale);
  v_store(minima + i, minimum);
}

// Room for so many scales.
FX_INLINE size_t scale_floats(size_t groups) { return fx_round_up(groups, VW); }

FX_INLINE void dequantize_group(float *y, const uint8_t *group) {
  uint16_t halves[2];
  memcpy(halves, group + 32, 4);
  const float scale = fx_from_f16(halves[0]), minimum = fx_from_f16(halves[1]);
  FX_UNROLL for (size_t i = 0; i < FX_HALF; i += VW) {
    vf even, odd, low, high;
    v_nibbles(group + i, &even, &odd);
    v_interleave(v_fma(even, v_set1(scale), v_set1(minimum)), v_fma(odd, v_set1(scale), v_set1(minimum)), &low, &high);
    v_store(y + 2 * i, low);
    v_store(y + 2 * i + VW, high);
  }
}

// A line of n values whose groups are `stride` bytes apart; the padding of the last one is left out.
static void dequantize_line(float *y, const char *groups, size_t stride, size_t n) {
  for (; n >= FX_GROUP; n -= FX_GROUP, y += FX_GROUP, groups += stride) dequantize_group(y, (const uint8_t *)groups);
  if (n == 0) return;
  float padded[FX_GROUP];
  dequantize_group(padded, (const uint8_t *)groups);
  memcpy(y, padded, 4 * n);
}

static void dequantize(float *y, const char *groups, size_t n) { dequantize_line(y, groups, FX_GROUP_BYTES, n); }

// Lines of a cache, one behind the other.
static void dequantize_lines(float *y, const char *groups, size_t lines, size_t n) {
  for (size_t i = 0; i < lines; i++) dequantize(y + i * n, groups + i * fx_bytes(FX_Q4, n), n);
}

// The first `some` floats of a group, and zeros.
FX_INLINE void copy_group(const float *x, size_t some, float *group) {
  memcpy(group, x, 4 * some);
  memset(group + some, 0, 4 * (FX_GROUP - some));
}

// A group of floats, spread.
FX_INLINE void spread_group(const float *x, float *spread, float *sum) {
  float total = 0;
  for (size_t i = 0; i < FX_HALF; i++) {
    spread[i] = x[2 * i];
    spread[FX_HALF + i] = x[2 * i + 1];
    total += x[2 * i] + x[2 * i + 1];
  }
  *sum = total;
}

// nibbles . x of one group, as a vector of parts.
FX_INLINE vf dot_group(const uint8_t *group, const float *spread) {
  vf t = v_zero();
  FX_UNROLL for (size_t i = 0; i < FX_HALF; i += VW) {
    vf even, odd;
    v_nibbles(group + i, &even, &odd);
    t = v_fma(even, v_load(spread + i), t);
    t = v_fma(odd, v_load(spread + FX_HALF + i), t);
  }
  return t;
}
