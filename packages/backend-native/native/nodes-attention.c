// Attention with its cache: new keys and values are written to their rows, then every query attends.
#include "program.h"

#include <stdatomic.h>

typedef struct {
  const fx_run *run;
  fx_value q, k, v, y;
  fx_cache cache;
  const int32_t *positions, *lengths;
  size_t heads, kv_heads, head_dim, group;
  double scale, sparsity;
  size_t parts;  // of a row that is attended in parts
  size_t tiles;  // of the queries of a row
  char *partials;
  atomic_size_t taken; // pieces that threads have taken
} attention_job;

// A part of the positions of one kv head of one row.
typedef struct {
  fx_attention row;
  size_t index, kv_head, from, to;
} attention_piece;

static attention_job job_of(const fx_run *run, const fx_node *node) {
  const double *a = node->attributes;
  attention_job job = {.run = run};
  job.q = fx_input(run, node, 0);
  job.k = fx_input(run, node, 1);
  job.v = fx_input(run, node, 2);
  job.y = fx_output(run, node, 0);
  job.positions = (const int32_t *)fx_input(run, node, 3).data;
  job.lengths = (const int32_t *)fx_input(run, node, 4).data;
  job.cache = fx_cache_of(run, (int)a[0]);
  job.heads = (size_t)a[1];
  job.kv_heads = (size_t)a[2];
  job.head_dim = (size_t)a[3];
  job.scale = a[4];
  job.sparsity = a[5];
  job.group = job.heads / job.kv_heads;
  job.parts = fx_ceil_div(job.cache.max_positions, FX_PART_POSITIONS);
  job.tiles = fx_ceil_div(run->seq, FX_QUERY_TILE);
  job.partials = run->shared;
  return job;
}

static size_t partial_floats(const attention_job *job) { return job->group * (2 + job->head_dim); }

fx_need fx_need_attention(const fx_run *run, const fx_node *node) {
  attention_job job = job_of(run, node);
  size_t is_block = run->seq > 1, is_sparse = job.sparsity < 1;
  size_t positions = is_block || is_sparse ? job.cache.max_positions : fx_min(job.cache.max_positions, FX_PART_POSITIONS);
  size_t shared = is_block || is_sparse ? 0 : 4 * run->batch * job.kv_heads * job.parts * partial_floats(&job);
  return (fx_need){shared, run->level->attend_scratch(job.head_dim, job.group, positions, (int)is_block)};
}

static fx_attention row_of(const attention_job *job, size_t row) {
  size_t token = row * job->run->seq, position = (size_t)job->positions[token];
  size_t width = fx_bytes(job->q.dtype, job->heads * job->head_dim);
  size_t half = fx_bytes(job->cache.dtype, job->head_dim) * job->kv_heads * job->cache.max_positions;
  const char *k = (const char *)(uintptr_t)job->cache.rows[row];
  return (fx_attention){
    .q = job->q.data + token * width, .y = job->y.data + token * width,
    .x_dtype = job->q.dtype, .cache_dtype = job->cache.dtype,
    .heads = job->heads, .kv_heads = job->kv_heads, .head_dim = job->head_dim, .max_positions = job->cache.max_positions,
    .k = k, .v = k + half,
    .position = position, .queries = (size_t)job->lengths[row] - position, .scale = (float)job->scale,
  };
}

// New keys and values of one kv head of one row, and zeros for what comes out for padding.
static void append(void *argument, size_t index, size_t thread) {
  const attention_job *job = argument;
  const fx_level *level = job->run->level;
  size_t row = index / job->kv_heads, head = index % job->kv_heads, dim = job->head_dim;
  fx_attention a = row_of(job, row);
  float *copy = (float *)fx_thread_scratch(job->run, thread);
  size_t ld = fx_bytes(a.cache_dtype, dim);
  for (size_t i = 0; i < a.queries; i++) {
    size_t from = ((row * job->run->seq + i) * job->kv_heads + head) * dim;
    size_t to = (head * a.max_positions + a.position + i) * ld;
    for (int part = 0; part < 2; part++) {
      const fx_value *source = part ? &job->v : &job->k;
      char *target = (char *)(uintptr_t)(part ? a.v : a.k) + to;
      const char *values = source->data + fx_bytes(source->dtype, from);
      if (source->dtype == a.cache_dtype) memcpy(target, values, ld);
      else {
        level->to_f32(copy, values, dim, source->dtype);
        level->from_f32(target, copy, dim, a.cache_dtype);
      }
    }
  }
  if (head > 0) return;
  size_t width = fx_bytes(a.x_dtype, job->heads * dim);
  memset(a.y + a.queries * width, 0, (job->run->seq - a.queries) * width);
}

static fx_partial partial_of(const attention_job *job, size_t index) {
  float *at = (float *)job->partials + index * partial_floats(job);
  return (fx_partial){at, at + job->group, at + 2 * job->group};
}

static size_t pieces_of(const attention_job *job) { return job->run->batch * job->kv_heads * job->parts; }

// Takes the next piece that has positions; whether there was one.
static int take_piece(attention_job *job, attention_piece *piece) {
  const size_t pieces = pieces_of(job);
  for (;;) {
    const size_t index = atomic_fetch_add(&job->taken, 1), heads = index / job->parts;
    if (index >= pieces) return 0;
    const size_t from = index % job->parts * FX_PART_POSITIONS;
    piece->row = row_of(job, heads / job->kv_heads);
    const size_t count = piece->row.position + 1;
    if (piece->row.queries == 0 || from >= count) continue;
    piece->index = index;
    piece->kv_head = heads % job->kv_heads;
    piece->from = from;
    piece->to = fx_min(count, from + FX_PART_POSITIONS);
    return 1;
  }
}

// The keys of a piece.
static fx_stretch keys_of(const attention_piece *piece) {
  const fx_attention *a = &piece->row;
  const size_t ld = fx_bytes(a->cache_dtype, a->head_dim);
  return (fx_stretch){a->k + ld * (piece->kv_head * a->max_positions + piece->from), ld * (piece->to - piece->from)};
}

// Pieces as long as there are any. A thread takes its next one before it has done the last, so that its keys are asked for in time;
// but not of the last ones, so that none waits for a thread that is busy. A row of one part is joined at once.
static void attend_pieces(void *argument, size_t index, size_t thread) {
  attention_job *job = argument;
  const fx_level *level = job->run->level;
  const size_t threads = fx_pool_threads(job->run->pool);
  char *scratch = fx_thread_scratch(job->run, thread);
  attention_piece pieces[2];
  (void)index;
  int has_piece = take_piece(job, &pieces[0]);
  for (size_t i = 0; has_piece; i++) {
    const attention_piece *piece = &pieces[i % 2];
    attention_piece *next = &pieces[(i + 1) % 2];
    const int is_early = atomic_load(&job->taken) + threads <= pieces_of(job);
    has_piece = is_early && take_piece(job, next);
    fx_partial partial = partial_of(job, piece->index);
    level->attend_part(&piece->row, piece->kv_head, piece->from, piece->to,
                       has_piece ? keys_of(next) : (fx_stretch){NULL, 0}, partial, scratch);
    if (piece->row.position < FX_PART_POSITIONS)
      level->attend_join(&piece->row, piece->kv_head, partial.top, 1, scratch);
    if (!is_early) has_piece = take_piece(job, next);
  }
}

static void join_one(void *argument, size_t index, size_t thread) {
  const attention_job *job = argument;
  fx_attention a = row_of(job, index / job->kv_heads);
  size_t parts = fx_ceil_div(a.position + 1, FX_PART_POSITIONS);
  if (a.queries == 0 || parts == 1) return;
  // The parts of a head lie side by side; room for the longest row that the cache can have.
  float *at = (float *)job->partials + index * job->parts * partial_floats(job);
  job->run->level->attend_join(&a, index % job->kv_heads, at, parts, fx_thread_scratch(job->run, thread));
}

static void attend_sparse(void *argument, size_t index, size_t thread) {
  const attention_job *job = argument;
  fx_attention a = row_of(job, index / job->heads);
  if (a.queries == 0) return;
  size_t keep = (size_t)(job->sparsity * (double)a.position);
  job->run->level->attend_sparse(&a, index % job->heads, keep, fx_thread_scratch(job->run, thread));
}

// A tile of the queries of one head of one row.
static void attend_tile(void *argument, size_t index, size_t thread) {
  const attention_job *job = argument;
  size_t tile = index % job->tiles, row = index / job->tiles / job->heads;
  fx_attention a = row_of(job, row);
  size_t from = tile * FX_QUERY_TILE;
  if (from >= a.queries) return;
  if (a.queries == 1 && job->sparsity < 1) attend_sparse(argument, index / job->tiles, thread);
  else
    job->run->level->attend_block(&a, index / job->tiles % job->heads, from, fx_min(a.queries, from + FX_QUERY_TILE),
                                  fx_thread_scratch(job->run, thread));
}

fx_result fx_run_attention(const fx_run *run, const fx_node *node) {
  attention_job job = job_of(run, node);
  size_t tokens = run->batch * run->seq, kv_width = job.kv_heads * job.head_dim;
  if (job.q.rows != tokens || job.k.rows != tokens || job.v.rows != tokens || job.y.rows != tokens ||
      job.q.width != job.heads * job.head_dim || job.k.width != kv_width || job.v.width != kv_width ||
      job.y.dtype != job.q.dtype)
    return (fx_result){FX_BAD_PROGRAM, {0}};
  for (size_t row = 0; row < run->batch; row++) {
    int64_t start = job.positions[row * run->seq], end = job.lengths[row];
    if (start < 0 || end < start || end - start > (int64_t)run->seq || end > (int64_t)job.cache.max_positions)
      return (fx_result){FX_BAD_LENGTH, {0, (double)row, (double)start, (double)end}};
  }
  fx_parallel(run->pool, append, &job, run->batch * job.kv_heads);
  if (run->seq > 1) fx_parallel(run->pool, attend_tile, &job, run->batch * job.heads * job.tiles);
  else if (job.sparsity < 1) fx_parallel(run->pool, attend_sparse, &job, run->batch * job.heads);
  else {
    fx_parallel(run->pool, attend_pieces, &job, fx_min(fx_pool_threads(run->pool), pieces_of(&job)));
    if (job.parts > 1) fx_parallel(run->pool, join_one, &job, run->batch * job.kv_heads);
  }
  return (fx_result){FX_OK, {0}};
}
