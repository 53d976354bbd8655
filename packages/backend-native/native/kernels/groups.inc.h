// 4-bit groups: values of even index are spread into the first half of a group, those of odd index into the second, so that
// nibbles meet them without being put in order. A product with a group is scale * (nibbles . x) + minimum * (sum of x).

enum { FX_HALF = FX_GROUP / 2 };

FX_INLINE const uint8_t *group_at(const char *groups, size_t g) { return (const uint8_t *)groups + g * FX_GROUP_BYTES; }

// Scales and minima of n groups that are `stride` bytes apart, as floats; zeros up to a whole vector behind them.
static void read_scales(const char *groups, size_t stride, size_t n, float *scales, float *minima) {
  uint32_t words[FX_GROUP];
  for (size_t g = 0; g < n; g += FX_GROUP) {
    size_t some = fx_min(FX_GROUP, n - g);
    for (size_t i = 0; i < some; i++) memcpy(&words[i], groups + (g + i) * stride + 32, 4);
    for (size_t i = some; i < fx_round_up(some, VW); i++) words[i] = 0;
    for (size_t i = 0; i < some; i += VW) {
      vf scale, minimum;
      v_split_halves(words + i, &scale, &minimum);
      v_store(scales + g + i, scale);
      v_store(minima + g + i, minimum);
    }
  }
}

// Room for so many scales.
FX_INLINE size_t scale_floats(size_t groups) { return fx_round_up(groups, VW); }

static void dequantize(float *y, const char *groups, size_t n) {
  for (size_t g = 0; g < n / FX_GROUP; g++, y += FX_GROUP) {
    const uint8_t *group = group_at(groups, g);
    uint16_t halves[2];
    memcpy(halves, group + 32, 4);
    const float scale = fx_from_f16(halves[0]), minimum = fx_from_f16(halves[1]);
    for (size_t i = 0; i < FX_HALF; i += VW) {
      vf even, odd, low, high;
      v_nibbles(group + i, &even, &odd);
      v_interleave(v_fma(even, v_set1(scale), v_set1(minimum)), v_fma(odd, v_set1(scale), v_set1(minimum)), &low, &high);
      v_store(y + 2 * i, low);
      v_store(y + 2 * i + VW, high);
    }
  }
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
