// Quantises 4-bit groups.
#include "flexgen.h"

static void put_half(uint8_t *to, uint16_t half) { memcpy(to, &half, 2); }

static void quantize_group(uint8_t *groups, const float *x) {
  float least = x[0], most = x[0];
  int is_finite = 1;
  for (int i = 0; i < FX_GROUP; i++) {
    least = x[i] < least ? x[i] : least;
    most = x[i] > most ? x[i] : most;
    is_finite &= x[i] - x[i] == 0;
  }
  float range = most - least;
  uint16_t scale = fx_to_f16(range / 15), minimum = fx_to_f16(least);
  // FlexGen rounds twice, and ties hang on it.
  float multiplier = scale == 0 ? 0 : 1 / range * 15;
  // A group that float16 cannot bound is no number as a whole.
  if (!is_finite || (scale & 0x7c00) == 0x7c00 || (minimum & 0x7c00) == 0x7c00) {
    scale = minimum = 0x7e00;
    multiplier = 0;
  }
  if (minimum == 0x8000) minimum = 0;
  for (int i = 0; i < FX_GROUP / 2; i++) {
    int even = multiplier == 0 ? 0 : (int)rintf((x[2 * i] - least) * multiplier);
    int odd = multiplier == 0 ? 0 : (int)rintf((x[2 * i + 1] - least) * multiplier);
    groups[i] = (uint8_t)(even << 4 | odd);
  }
  put_half(groups + 32, scale);
  put_half(groups + 34, minimum);
}

void fx_quantize(uint8_t *groups, const float *x, size_t n) {
  for (; n >= FX_GROUP; n -= FX_GROUP, x += FX_GROUP, groups += FX_GROUP_BYTES) quantize_group(groups, x);
  if (n == 0) return;
  float padded[FX_GROUP] = {0};
  memcpy(padded, x, 4 * n);
  quantize_group(groups, padded);
}
