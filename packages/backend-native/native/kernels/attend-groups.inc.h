// Scores and weighted sums over a cache of 4-bit groups.

enum { FX_MOST_HEAD_GROUPS = 4 };

#if FX_HAS_VNNI
#include "attend-groups-vnni.inc.h"
#else
// A query head, spread, with the sums of its groups behind it.
static void spread_query(const float *plain, size_t dim, float *q) {
  for (size_t g = 0; g < dim / FX_GROUP; g++) spread_group(plain + g * FX_GROUP, q + g * FX_GROUP, q + dim + g);
}

// Scores of `count` positions; q as `spread_query` gives it.
static void score_groups(const char *k, size_t dim, const float *q, size_t count, float *scores) {
  const size_t groups = dim / FX_GROUP, ld = groups * FX_GROUP_BYTES;
  float scales[FX_GROUP * FX_MOST_HEAD_GROUPS], minima[FX_GROUP * FX_MOST_HEAD_GROUPS];
  for (size_t p = 0; p < count; p += VW) {
    const size_t some = fx_min(VW, count - p), at = p % FX_GROUP * groups;
    if (at == 0) read_scales(k + p * ld, FX_GROUP_BYTES, fx_min(FX_GROUP, count - p) * groups, scales, minima);
    vf r[VW];
    float rest[VW] = {0};
    for (size_t i = 0; i < VW; i++) {
      r[i] = v_zero();
      if (i >= some) continue;
      for (size_t g = 0; g < groups; g++) {
        vf t = dot_group(group_at(k + (p + i) * ld, g), q + g * FX_GROUP);
        r[i] = v_fma(t, v_set1(scales[at + i * groups + g]), r[i]);
        rest[i] += minima[at + i * groups + g] * q[dim + g];
      }
    }
    vf s = v_add(v_sums(r), v_load(rest));
    if (some == VW) v_store(scores + p, s);
    else v_store_n(scores + p, s, some);
  }
}

// sums [head dim] += values of `count` positions by weight.
static void sum_groups(const char *v, size_t dim, const float *weights, size_t count, float *sums) {
  const size_t groups = dim / FX_GROUP, ld = groups * FX_GROUP_BYTES;
  for (size_t g = 0; g < groups; g++) {
    vf even[FX_HALF / VW], odd[FX_HALF / VW];
    FX_UNROLL for (size_t i = 0; i < FX_HALF / VW; i++) even[i] = odd[i] = v_zero();
    float rest = 0, scales[64], minima[64];
    for (size_t p = 0; p < count; p += 64) {
      size_t some = fx_min(64, count - p);
      read_scales(v + p * ld + g * FX_GROUP_BYTES, ld, some, scales, minima);
      for (size_t i = 0; i < some; i++) {
        const uint8_t *group = group_at(v + (p + i) * ld, g);
        vf weight = v_set1(weights[p + i] * scales[i]);
        rest += weights[p + i] * minima[i];
        FX_UNROLL for (size_t j = 0; j < FX_HALF / VW; j++) {
          vf high, low;
          v_nibbles(group + j * VW, &high, &low);
          even[j] = v_fma(high, weight, even[j]);
          odd[j] = v_fma(low, weight, odd[j]);
        }
      }
    }
    FX_UNROLL for (size_t i = 0; i < FX_HALF / VW; i++) {
      vf low, high;
      v_interleave(even[i], odd[i], &low, &high);
      float *to = sums + g * FX_GROUP + 2 * i * VW;
      v_store(to, v_add(v_load(to), v_add(low, v_set1(rest))));
      v_store(to + VW, v_add(v_load(to + VW), v_add(high, v_set1(rest))));
    }
  }
}
#endif
