// Scores and weighted sums over a cache of 4-bit groups.

enum { FX_MOST_HEAD_GROUPS = 4 };

#if FX_HAS_VNNI
#include "attend-groups-vnni.inc.h"
#else
// A query head of whole groups, spread, with the sums of its groups behind it.
static void spread_query(const float *plain, size_t dim, float *q) {
  for (size_t g = 0; g < dim / FX_GROUP; g++) spread_group(plain + g * FX_GROUP, q + g * FX_GROUP, q + dim + g);
}

// Scores of `count` positions; q as `spread_query` gives it.
static void score_groups(const char *k, size_t dim, const float *q, size_t count, read_ahead *ahead, float *scores) {
  const size_t groups = dim / FX_GROUP, ld = groups * FX_GROUP_BYTES;
  float scales[FX_GROUP * FX_MOST_HEAD_GROUPS], minima[FX_GROUP * FX_MOST_HEAD_GROUPS];
  for (size_t p = 0; p < count; p += VW) {
    const size_t some = fx_min(VW, count - p), at = p % FX_GROUP * groups;
    fetch_ahead(ahead, some * ld);
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
#endif

// sums [dim] += values of `count` positions of `groups` groups by weight. What is next is weighed before what is now is added.
FX_INLINE void sum_positions(const char *v, const size_t groups, const float *weights, size_t count, read_ahead *ahead,
                             float *sums) {
  const size_t ld = groups * FX_GROUP_BYTES, blocks = fx_ceil_div(count, FX_GROUP) * groups;
  column_weights space[2];
  for (size_t i = 0; i <= blocks; i++) {
    if (i < blocks) {
      const size_t p = i / groups * FX_GROUP, some = fx_min(FX_GROUP, count - p);
      fetch_ahead(ahead, some * FX_GROUP_BYTES);
      weigh_column_rows(1, v + p * ld + i % groups * FX_GROUP_BYTES, ld, some, weights + p, 0, &space[i % 2]);
    }
    if (i == 0) continue;
    const size_t p = (i - 1) / groups * FX_GROUP, g = (i - 1) % groups;
    add_columns(1, v + p * ld + g * FX_GROUP_BYTES, ld, fx_min(FX_GROUP, count - p), &space[(i - 1) % 2],
                sums + g * FX_GROUP, 0);
  }
}

static void sum_groups(const char *v, size_t dim, const float *weights, size_t count, read_ahead *ahead, float *sums) {
  const size_t groups = dim / FX_GROUP;
  // Addresses that the compiler knows are free.
  if (groups == 1) sum_positions(v, 1, weights, count, ahead, sums);
  else if (groups == 2) sum_positions(v, 2, weights, count, ahead, sums);
  else sum_positions(v, groups, weights, count, ahead, sums);
}
