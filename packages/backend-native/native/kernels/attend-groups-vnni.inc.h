// Scores over a cache of 4-bit groups, with products of bytes.

// A query head of whole groups as pairs of bytes, a group in the room of its floats; behind it the sums of its groups and their scales.
static void spread_query(const float *plain, size_t dim, float *q) {
  float group[FX_GROUP], lost;
  for (size_t g = 0; g < dim / FX_GROUP; g++) {
    spread_group(plain + g * FX_GROUP, group, q + dim + g);
    q[dim + FX_MOST_HEAD_GROUPS + g] = pair_group(group, (int8_t *)(q + g * FX_GROUP), &lost);
  }
}

// Products of 16 positions with one group of the query.
FX_INLINE vf score_some(const char *k, size_t ld, value_pair values) {
  __m512i r[8];
  FX_UNROLL for (size_t i = 0; i < 8; i++) {
    const uint8_t *at = (const uint8_t *)k + (8 * (i / 4) + i % 4) * ld;
    r[i] = dot_pair(load_group_pair(at, at + 4 * ld), values);
  }
  return half_sums(r);
}

// Scores of `count` positions of `groups` groups; q as `spread_query` gives it.
FX_INLINE void score_positions(const char *k, const size_t groups, const float *q, size_t count, read_ahead *ahead,
                               float *scores) {
  const size_t ld = groups * FX_GROUP_BYTES;
  const float *q_sums = q + groups * FX_GROUP, *q_scales = q_sums + FX_MOST_HEAD_GROUPS;
  for (size_t p = 0; p < count; p += VW) {
    const char *at = k + p * ld;
    char rest[VW * FX_MOST_HEAD_GROUPS * FX_GROUP_BYTES];
    fetch_ahead(ahead, fx_min(VW, count - p) * ld);
    if (p + VW > count) at = memcpy(memset(rest, 0, VW * ld), at, (count - p) * ld);
    vf s = v_zero(), scales, minima;
    FX_UNROLL for (size_t g = 0; g < groups; g++, at += FX_GROUP_BYTES) {
      vf dots = score_some(at, ld, load_value_pair((const int8_t *)(q + g * FX_GROUP)));
      v_split_halves(at + 32, ld, &scales, &minima);
      s = v_fma(dots, v_mul(scales, v_set1(q_scales[g])), s);
      s = v_fma(minima, v_set1(q_sums[g]), s);
    }
    if (p + VW <= count) v_store(scores + p, s);
    else v_store_n(scores + p, s, count - p);
  }
}

static void score_groups(const char *k, size_t dim, const float *q, size_t count, read_ahead *ahead, float *scores) {
  const size_t groups = dim / FX_GROUP;
  // Addresses that the compiler knows are free.
  if (groups == 1) score_positions(k, 1, q, count, ahead, scores);
  else if (groups == 2) score_positions(k, 2, q, count, ahead, scores);
  else score_positions(k, groups, q, count, ahead, scores);
}
