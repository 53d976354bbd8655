// Attention of many queries of one head, block by block of keys with running sums: no score matrix in memory.

enum { FX_KEYS = 128 }; // keys of a block: a multiple of every panel, and at most FX_INNER

static size_t attend_scratch(size_t head_dim, size_t group, size_t positions, int is_block) {
  size_t padded = fx_round_up(head_dim, FX_GROUP), wide = fx_round_up(head_dim, FX_PANEL);
  size_t query = query_floats(head_dim);
  size_t part = 4 * (group * (query + padded + positions) + query + padded + 2 * positions + head_dim + 2);
  size_t panels = FX_KEYS * head_dim + FX_KEYS * wide;
  size_t block = 4 * (2 * FX_QUERY_TILE * FX_LDA + panels + FX_KEYS * head_dim + FX_QUERY_TILE * (wide + 2));
  return is_block && head_dim <= FX_INNER ? part + block : part;
}

// Keys as columns: panels [head dim, FX_PANEL]. A 4-bit cache is widened into `wide` first.
static void pack_keys(const fx_attention *a, size_t kv_head, size_t from, size_t count, float *wide, float *panels) {
  const char *keys = cached(a, a->k, kv_head, from);
  if (a->cache_dtype == FX_Q4) {
    dequantize_lines(wide, keys, count, a->head_dim);
    pack_transposed(FX_F32, (const char *)wide, 4 * a->head_dim, 0, count, 0, a->head_dim, panels);
  } else pack_transposed(a->cache_dtype, keys, fx_bytes(a->cache_dtype, a->head_dim), 0, count, 0, a->head_dim, panels);
}

// Values as rows: panels [count, FX_PANEL].
static void pack_values(const fx_attention *a, size_t kv_head, size_t from, size_t count, float *wide, float *panels) {
  const char *values = cached(a, a->v, kv_head, from);
  if (a->cache_dtype == FX_Q4) {
    dequantize_lines(wide, values, count, a->head_dim);
    pack_plain(FX_F32, (const char *)wide, 4 * a->head_dim, 0, a->head_dim, 0, count, panels);
  } else pack_plain(a->cache_dtype, values, fx_bytes(a->cache_dtype, a->head_dim), 0, a->head_dim, 0, count, panels);
}

// One query alone, as in decode.
static void attend_alone(const fx_attention *a, size_t head, size_t query, float *scratch) {
  fx_attention one = *a;
  size_t group = a->heads / a->kv_heads;
  float *top = scratch, *sum = top + 1, *values = sum + 1, *rest = values + a->head_dim;
  // A group of one: the kv head stands first in a view of the cache.
  one.heads = one.kv_heads = 1;
  one.q = a->q + fx_bytes(a->x_dtype, (query * a->heads + head) * a->head_dim);
  one.y = a->y + fx_bytes(a->x_dtype, (query * a->heads + head) * a->head_dim);
  one.k = cached(a, a->k, head / group, 0);
  one.v = cached(a, a->v, head / group, 0);
  fx_partial part = {top, sum, values};
  attend_part(&one, 0, 0, a->position + query + 1, (fx_stretch){NULL, 0}, part, rest);
  attend_join(&one, 0, top, 1, rest);
}

// Weights of one query in place of its scores: the first `count` of a block; earlier sums are scaled to the new top.
static void weigh_row(float *row, size_t count, size_t keys, float *top, float *sum, float *values, size_t wide) {
  memset(row + count, 0, 4 * (keys - count));
  if (count == 0) return;
  float block_top = top_value(row, count), new_top = block_top > *top ? block_top : *top;
  float factor = *top == new_top ? 1 : expf(*top - new_top);
  *sum = *sum * factor + exp_row(row, row, count, new_top);
  *top = new_top;
  if (factor == 1) return;
  for (size_t d = 0; d < wide; d += VW) v_store(values + d, v_mul(v_load(values + d), v_set1(factor)));
}

// Of `count` keys from position p on, those that a query at a position sees.
static size_t seen_keys(size_t position, size_t p, size_t count) {
  return position + 1 > p ? fx_min(count, position + 1 - p) : 0;
}

static void attend_block(const fx_attention *a, size_t head, size_t from, size_t to, void *scratch) {
  const size_t dim = a->head_dim, wide = fx_round_up(dim, FX_PANEL), queries = to - from;
  const size_t kv_head = head / (a->heads / a->kv_heads);
  if (dim > FX_INNER || queries == 1) {
    for (size_t i = from; i < to; i++) attend_alone(a, head, i, scratch);
    return;
  }
  float *q = scratch, *scores = q + FX_QUERY_TILE * FX_LDA, *keys = scores + FX_QUERY_TILE * FX_LDA;
  float *values = keys + FX_KEYS * dim, *sums = values + FX_KEYS * wide, *tops = sums + FX_QUERY_TILE * wide;
  float *totals = tops + FX_QUERY_TILE, *widened = totals + FX_QUERY_TILE, *alone = widened + FX_KEYS * dim;
  size_t rows = fx_round_up(queries, MR);
  for (size_t i = 0; i < rows; i++) {
    if (i < queries) load_plain_query(a, from + i, head, q + i * FX_LDA, dim);
    else memset(q + i * FX_LDA, 0, 4 * dim);
    tops[i] = -INFINITY;
    totals[i] = 0;
  }
  memset(sums, 0, 4 * rows * wide);
  const size_t first = a->position + from, end = a->position + to;
  for (size_t p = 0; p < end; p += FX_KEYS) {
    size_t count = fx_min(FX_KEYS, end - p);
    pack_keys(a, kv_head, p, count, widened, keys);
    pack_values(a, kv_head, p, count, widened, values);
    // A value that is no number must not reach queries before it through a weight of zero.
    if (p + count > first + 1 && !is_finite(values, count * wide)) {
      for (size_t i = from; i < to; i++) attend_alone(a, head, i, alone);
      return;
    }
    for (size_t i = 0; i < rows; i += MR) {
      // Keys that the last query of these rows sees.
      size_t most = seen_keys(first + i + MR - 1, p, count);
      if (most == 0) continue;
      float *row = scores + i * FX_LDA, *row_sums = sums + i * wide;
      multiply_rows(MR, 0, dim, q + i * FX_LDA, keys, dim * FX_PANEL, fx_ceil_div(most, FX_PANEL), row, FX_LDA, 1);
      for (size_t j = 0; j < MR; j++)
        weigh_row(row + j * FX_LDA, seen_keys(first + i + j, p, count), most, tops + i + j, totals + i + j,
                  row_sums + j * wide, wide);
      multiply_rows(MR, 0, most, row, values, count * FX_PANEL, wide / FX_PANEL, row_sums, wide, 0);
    }
  }
  for (size_t i = 0; i < queries; i++) {
    float *row = sums + i * wide;
    vf inverse = v_set1(1 / totals[i]);
    for (size_t d = 0; d < wide; d += VW) v_store(row + d, v_mul(v_load(row + d), inverse));
    from_f32(a->y + fx_bytes(a->x_dtype, ((from + i) * a->heads + head) * dim), row, dim, a->x_dtype);
  }
}
