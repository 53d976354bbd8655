// Reads a program, measures its scratch and runs its nodes in order.
#include "program.h"

#include <stdlib.h>

static const struct {
  fx_need_function need;
  fx_node_function run;
  int inputs, outputs; // at least
} operators[] = {
  [FX_GATHER] = {fx_need_rows, fx_run_gather, 2, 1},
  [FX_LINEAR] = {fx_need_linear, fx_run_linear, 2, 1},
  [FX_ADD] = {fx_need_rows, fx_run_rows, 2, 1},
  [FX_MUL] = {fx_need_rows, fx_run_rows, 2, 1},
  [FX_LAYER_NORM] = {fx_need_rows, fx_run_rows, 3, 1},
  [FX_RMS_NORM] = {fx_need_rows, fx_run_rows, 2, 1},
  [FX_ACT_RELU] = {fx_need_rows, fx_run_rows, 1, 1},
  [FX_ACT_GELU] = {fx_need_rows, fx_run_rows, 1, 1},
  [FX_ACT_SILU] = {fx_need_rows, fx_run_rows, 1, 1},
  [FX_SOFTMAX] = {fx_need_rows, fx_run_rows, 1, 1},
  [FX_SPLIT] = {fx_need_rows, fx_run_split, 1, 1},
  [FX_ROTARY] = {fx_need_rows, fx_run_rows, 2, 1},
  [FX_ATTENTION] = {fx_need_attention, fx_run_attention, 5, 1},
  [FX_LAST_POSITION] = {fx_need_rows, fx_run_last_position, 3, 1},
  [FX_QUANTIZE] = {fx_need_rows, fx_run_convert, 1, 1},
  [FX_DEQUANTIZE] = {fx_need_rows, fx_run_convert, 1, 1},
  [FX_ARG_MAX] = {fx_need_rows, fx_run_rows, 1, 1},
  [FX_TOP_K] = {fx_need_rows, fx_run_rows, 1, 2},
  [FX_SAMPLE] = {fx_need_rows, fx_run_rows, 2, 1},
};

typedef struct {
  const double *at, *end;
  int is_bad;
} reader;

static double next(reader *r) {
  if (r->at < r->end) return *r->at++;
  r->is_bad = 1;
  return 0;
}

// A whole number in [least, most].
static int next_int(reader *r, int least, int most) {
  double value = next(r);
  if (value >= least && value <= most && value == (double)(int)value) return (int)value;
  r->is_bad = 1;
  return least;
}

static void read_frequencies(fx_node *node, reader *r) {
  size_t half = (size_t)node->attributes[2] / 2;
  node->frequencies = calloc(half + 1, sizeof *node->frequencies);
  if (node->frequencies == NULL) {
    r->is_bad = 1;
    return;
  }
  for (size_t i = 0; i < half; i++) node->frequencies[i] = pow(node->attributes[3], -(double)i / (double)half);
}

static void read_node(fx_program *program, fx_node *node, reader *r) {
  int last = program->slot_count - 1;
  node->operator_ = next_int(r, 0, FX_SAMPLE);
  node->input_count = next_int(r, 0, FX_MOST_INPUTS);
  for (int i = 0; i < node->input_count; i++) node->inputs[i] = next_int(r, -1, last);
  node->output_count = next_int(r, 0, FX_MOST_OUTPUTS);
  for (int i = 0; i < node->output_count; i++) node->outputs[i] = next_int(r, 0, last);
  int attributes = next_int(r, 0, FX_MOST_ATTRIBUTES);
  for (int i = 0; i < attributes; i++) node->attributes[i] = next(r);
  if (r->is_bad) return;
  if (node->input_count < operators[node->operator_].inputs ||
      node->output_count < operators[node->operator_].outputs)
    r->is_bad = 1;
  for (int i = 0; i < operators[node->operator_].inputs; i++)
    if (node->inputs[i] < 0) r->is_bad = 1;
  if (node->operator_ == FX_ATTENTION && !(node->attributes[0] >= 0 && node->attributes[0] < program->cache_count))
    r->is_bad = 1;
  if (node->operator_ == FX_ROTARY) read_frequencies(node, r);
}

void *fx_program_create(const double *words, size_t count) {
  reader r = {words, words + count, 0};
  fx_program *program = calloc(1, sizeof *program);
  if (program == NULL) return NULL;
  program->slot_count = next_int(&r, 0, FX_MOST_SLOTS);
  program->cache_count = next_int(&r, 0, FX_MOST_SLOTS);
  program->node_count = next_int(&r, 0, FX_MOST_NODES);
  program->slots = calloc((size_t)program->slot_count + 1, sizeof *program->slots);
  program->nodes = calloc((size_t)program->node_count + 1, sizeof *program->nodes);
  if (program->slots == NULL || program->nodes == NULL) r.is_bad = 1;
  for (int i = 0; i < program->slot_count && !r.is_bad; i++) {
    program->slots[i].dtype = next_int(&r, 0, FX_Q4C);
    program->slots[i].is_scratch = next_int(&r, 0, 1);
    program->slots[i].width = (size_t)next(&r);
  }
  for (int i = 0; i < program->node_count && !r.is_bad; i++) read_node(program, &program->nodes[i], &r);
  if (!r.is_bad) return program;
  fx_program_free(program);
  return NULL;
}

void fx_program_free(void *pointer) {
  fx_program *program = pointer;
  if (program == NULL) return;
  for (int i = 0; program->nodes && i < program->node_count; i++) free(program->nodes[i].frequencies);
  free(program->nodes);
  free(program->slots);
  free(program);
}

static fx_run run_of(const fx_program *program, const fx_level *level, size_t threads, const double *table) {
  return (fx_run){
    .program = program,
    .level = level,
    .threads = threads,
    .batch = (size_t)table[0],
    .seq = (size_t)table[1],
    .table = table,
  };
}

static fx_need need_of(const fx_run *run, const fx_node *node) {
  fx_need need = operators[node->operator_].need(run, node);
  // Threads must not share lines of the cache.
  return (fx_need){fx_round_up(need.shared, 64), fx_round_up(need.thread, 64) + 64};
}

size_t fx_program_need(const fx_program *program, const fx_level *level, size_t threads, const double *table) {
  fx_run run = run_of(program, level, threads, table);
  size_t most = 0;
  for (int i = 0; i < program->node_count; i++) {
    fx_need need = need_of(&run, &program->nodes[i]);
    most = fx_max(most, need.shared + threads * need.thread);
  }
  return most;
}

fx_result fx_program_run(const fx_program *program, fx_pool *pool, const fx_level *level, const double *table,
                         char *scratch) {
  fx_run run = run_of(program, level, fx_pool_threads(pool), table);
  run.pool = pool;
  run.scratch = scratch;
  run.shared = scratch + (size_t)table[2];
  for (int i = 0; i < program->node_count; i++) {
    const fx_node *node = &program->nodes[i];
    fx_need need = need_of(&run, node);
    run.shared_bytes = need.shared;
    run.thread_bytes = need.thread;
    fx_result result = {FX_BAD_PROGRAM, {0}};
    if (need.shared + run.threads * need.thread <= (size_t)table[3]) result = operators[node->operator_].run(&run, node);
    if (result.status == FX_OK) continue;
    result.details[0] = i;
    return result;
  }
  return (fx_result){FX_OK, {0}};
}
