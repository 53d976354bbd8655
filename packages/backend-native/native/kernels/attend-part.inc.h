// Attention of one query over a range of cached positions, for the query heads that share a kv head. The keys of the
// range are read in the order in which they lie, then the values: two long streams at the speed of memory.

// Keys that all query heads of a group see while they are in L1.
enum { FX_KEY_BLOCK = 4 * VW };

// Scores of `count` positions, q padded with zeros to whole vectors.
FX_INLINE void score_keys(const int dtype, const size_t fixed, const char *k, size_t dim, const float *q, size_t count,
                          read_ahead *ahead, float *scores) {
  const size_t head_dim = fixed ? fixed : dim, whole = head_dim / VW * VW, ld = fx_bytes(dtype, head_dim);
  size_t p = 0;
  for (; p + VW <= count; p += VW) {
    vf r[VW];
    for (size_t i = 0; i < VW; i++) {
      const char *key = k + (p + i) * ld;
      fetch_ahead(ahead, ld);
      r[i] = v_zero();
      FX_UNROLL for (size_t j = 0; j < whole; j += VW) r[i] = v_fma(v_get(key, j, dtype), v_load(q + j), r[i]);
      if (whole < head_dim) r[i] = v_fma(v_get_n(key, whole, head_dim - whole, dtype), v_load(q + whole), r[i]);
    }
    v_store(scores + p, v_sums(r));
  }
  for (; p < count; p++) {
    const char *key = k + p * ld;
    fetch_ahead(ahead, ld);
    vf s = v_zero();
    for (size_t j = 0; j < whole; j += VW) s = v_fma(v_get(key, j, dtype), v_load(q + j), s);
    if (whole < head_dim) s = v_fma(v_get_n(key, whole, head_dim - whole, dtype), v_load(q + whole), s);
    scores[p] = v_sum(s);
  }
}

// sums [head dim, padded] += values of `count` positions by weight.
FX_INLINE void sum_values(const int dtype, const size_t fixed, const char *v, size_t dim, const float *weights,
                          size_t count, read_ahead *ahead, float *sums) {
  const size_t head_dim = fixed ? fixed : dim, whole = head_dim / VW * VW, ld = fx_bytes(dtype, head_dim);
  if (fixed && fixed / VW <= 8) {
    vf s[8];
    FX_UNROLL for (size_t j = 0; j < fixed / VW; j++) s[j] = v_load(sums + j * VW);
    for (size_t p = 0; p < count; p++) {
      vf weight = v_set1(weights[p]);
      fetch_ahead(ahead, ld);
      FX_UNROLL for (size_t j = 0; j < fixed / VW; j++) s[j] = v_fma(weight, v_get(v + p * ld, j * VW, dtype), s[j]);
    }
    FX_UNROLL for (size_t j = 0; j < fixed / VW; j++) v_store(sums + j * VW, s[j]);
    return;
  }
  for (size_t p = 0; p < count; p++) {
    vf weight = v_set1(weights[p]);
    const char *value = v + p * ld;
    fetch_ahead(ahead, ld);
    for (size_t j = 0; j < whole; j += VW)
      v_store(sums + j, v_fma(weight, v_get(value, j, dtype), v_load(sums + j)));
    if (whole < head_dim)
      v_store(sums + whole, v_fma(weight, v_get_n(value, whole, head_dim - whole, dtype), v_load(sums + whole)));
  }
}

#define FX_BY_DTYPE_AND_DIM(CALL)                                                \
  switch (dtype) {                                                               \
    case FX_F16: FX_BY_DIM(CALL, FX_F16) break;                                  \
    case FX_BF16: FX_BY_DIM(CALL, FX_BF16) break;                                \
    default: FX_BY_DIM(CALL, FX_F32)                                             \
  }
#define FX_BY_DIM(CALL, DTYPE)                                                   \
  if (dim == 64) CALL(DTYPE, 64);                                                \
  else if (dim == 80) CALL(DTYPE, 80);                                           \
  else if (dim == 128) CALL(DTYPE, 128);                                         \
  else CALL(DTYPE, 0);

// Scores of `count` positions; q as `load_query` gives it.
static void score(int dtype, const char *k, size_t dim, const float *q, size_t count, read_ahead *ahead, float *scores) {
  if (dtype == FX_Q4) {
    score_groups(k, fx_round_up(dim, FX_GROUP), q, count, ahead, scores);
    return;
  }
#define FX_SCORE(DTYPE, DIM) score_keys(DTYPE, DIM, k, dim, q, count, ahead, scores)
  FX_BY_DTYPE_AND_DIM(FX_SCORE)
}

static void weigh(int dtype, const char *v, size_t dim, const float *weights, size_t count, read_ahead *ahead,
                  float *sums) {
  if (dtype == FX_Q4) {
    sum_groups(v, fx_round_up(dim, FX_GROUP), weights, count, ahead, sums);
    return;
  }
#define FX_WEIGH(DTYPE, DIM) sum_values(DTYPE, DIM, v, dim, weights, count, ahead, sums)
  FX_BY_DTYPE_AND_DIM(FX_WEIGH)
}

// Floats of a query head: padded to whole vectors, or spread with the sums of its groups for a 4-bit cache.
FX_INLINE size_t query_floats(size_t dim) { return fx_round_up(dim, FX_GROUP) + 2 * FX_MOST_HEAD_GROUPS; }

// A query head times the scale, followed by zeros.
static void load_plain_query(const fx_attention *a, size_t query, size_t head, float *q, size_t padded) {
  to_f32(q, a->q + fx_bytes(a->x_dtype, (query * a->heads + head) * a->head_dim), a->head_dim, a->x_dtype);
  for (size_t i = 0; i < a->head_dim; i++) q[i] *= a->scale;
  for (size_t i = a->head_dim; i < padded; i++) q[i] = 0;
}

// A query head as `score` takes it.
static void load_query(const fx_attention *a, size_t query, size_t head, float *q) {
  float plain[FX_MOST_HEAD_GROUPS * FX_GROUP];
  if (a->cache_dtype != FX_Q4) {
    load_plain_query(a, query, head, q, fx_round_up(a->head_dim, VW));
    return;
  }
  const size_t whole = fx_round_up(a->head_dim, FX_GROUP);
  load_plain_query(a, query, head, plain, whole);
  spread_query(plain, whole, q);
}

static const char *cached(const fx_attention *a, const char *half, size_t kv_head, size_t position) {
  return half + fx_bytes(a->cache_dtype, a->head_dim) * (kv_head * a->max_positions + position);
}

// Keys or values that are taken at once: groups need more of them to be weighed ahead.
static size_t block_of(const fx_attention *a) { return a->cache_dtype == FX_Q4 ? 4 * FX_GROUP : FX_KEY_BLOCK; }

static void attend_part(const fx_attention *a, size_t kv_head, size_t from, size_t to, fx_stretch next, fx_partial out,
                        void *scratch) {
  const size_t group = a->heads / a->kv_heads, count = to - from, padded = fx_round_up(a->head_dim, FX_GROUP);
  const size_t ldq = query_floats(a->head_dim), block = block_of(a);
  const size_t ld = fx_bytes(a->cache_dtype, a->head_dim), bytes = count * ld;
  const char *keys = cached(a, a->k, kv_head, from), *values = cached(a, a->v, kv_head, from);
  float *q = scratch, *scores = q + group * ldq, *sums = scores + group * count;
  read_ahead reads = read_ahead_of((fx_stretch){keys, bytes}, (fx_stretch){values, bytes}, next);
  read_ahead *ahead = fx_fetches_ahead || a->cache_dtype == FX_Q4 ? &reads : NULL;
  for (size_t g = 0; g < group; g++) load_query(a, 0, kv_head * group + g, q + g * ldq);
  for (size_t p = 0; p < count; p += block) {
    const size_t n = fx_min(block, count - p);
    const char *k = keys + p * ld;
    for (size_t g = 0; g < group; g++)
      score(a->cache_dtype, k, a->head_dim, q + g * ldq, n, g == 0 ? ahead : NULL, scores + g * count + p);
  }
  for (size_t g = 0; g < group; g++) {
    float *row = scores + g * count;
    out.top[g] = top_value(row, count);
    out.sum[g] = exp_row(row, row, count, out.top[g]);
  }
  memset(sums, 0, 4 * group * padded);
  for (size_t p = 0; p < count; p += block) {
    const size_t n = fx_min(block, count - p);
    const char *v = values + p * ld;
    for (size_t g = 0; g < group; g++)
      weigh(a->cache_dtype, v, a->head_dim, scores + g * count + p, n, g == 0 ? ahead : NULL, sums + g * padded);
  }
  for (size_t g = 0; g < group; g++) memcpy(out.values + g * a->head_dim, sums + g * padded, 4 * a->head_dim);
}

static void write_output(const fx_attention *a, size_t head, const float *values) {
  from_f32(a->y + fx_bytes(a->x_dtype, head * a->head_dim), values, a->head_dim, a->x_dtype);
}

static void attend_join(const fx_attention *a, size_t kv_head, const float *parts, size_t count, void *scratch) {
  const size_t group = a->heads / a->kv_heads, n = a->head_dim, ld = group * (2 + n);
  float *y = scratch;
  for (size_t g = 0; g < group; g++) {
    float top = parts[g], sum = 0;
    for (size_t i = 1; i < count; i++) top = parts[i * ld + g] > top ? parts[i * ld + g] : top;
    memset(y, 0, 4 * n);
    for (size_t i = 0; i < count; i++) {
      const float *part = parts + i * ld, *values = part + 2 * group + g * n;
      float factor = count == 1 ? 1 : expf(part[g] - top);
      sum += factor * part[group + g];
      for (size_t d = 0; d < n; d++) y[d] += factor * values[d];
    }
    for (size_t d = 0; d < n; d++) y[d] /= sum;
    write_output(a, kv_head * group + g, y);
  }
}

// A key that orders floats as unsigned numbers.
FX_INLINE uint32_t order_key(float x) {
  uint32_t bits = fx_to_bits(x);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

// Key of the `keep`-th largest value, by its bytes from the highest on, and how many of exactly this key are kept.
static uint32_t find_threshold(const float *x, size_t n, size_t keep, size_t *of_threshold) {
  uint32_t prefix = 0, mask = 0;
  for (int shift = 24; shift >= 0; shift -= 8) {
    size_t counts[256] = {0};
    for (size_t i = 0; i < n; i++) {
      uint32_t key = order_key(x[i]);
      if ((key & mask) == prefix) counts[key >> shift & 255]++;
    }
    uint32_t digit = 255;
    while (counts[digit] < keep) keep -= counts[digit--];
    prefix |= digit << shift;
    mask |= 255u << shift;
  }
  *of_threshold = keep;
  return prefix;
}

static void attend_sparse(const fx_attention *a, size_t head, size_t keep, void *scratch) {
  const size_t past = a->position, count = past + 1, padded = fx_round_up(a->head_dim, FX_GROUP);
  const size_t kv_head = head / (a->heads / a->kv_heads), ld = fx_bytes(a->cache_dtype, a->head_dim);
  float *q = scratch, *sums = q + query_floats(a->head_dim), *scores = sums + padded, *weights = scores + count;
  load_query(a, 0, head, q);
  score(a->cache_dtype, cached(a, a->k, kv_head, 0), a->head_dim, q, count, NULL, scores);
  float sum = exp_row(weights, scores, count, top_value(scores, count));
  memset(sums, 0, 4 * padded);
  size_t of_threshold = 0;
  uint32_t threshold = keep > 0 ? find_threshold(scores, past, keep, &of_threshold) : 0;
  const char *values = cached(a, a->v, kv_head, 0);
  for (size_t p = 0; p < count; p++) {
    uint32_t key = order_key(scores[p]);
    int is_kept = p == past || (keep > 0 && key > threshold);
    if (!is_kept && keep > 0 && key == threshold && of_threshold > 0) {
      of_threshold--;
      is_kept = 1;
    }
    if (is_kept) weigh(a->cache_dtype, values + p * ld, a->head_dim, weights + p, 1, NULL, sums);
  }
  for (size_t d = 0; d < a->head_dim; d++) sums[d] /= sum;
  write_output(a, head, sums);
}
