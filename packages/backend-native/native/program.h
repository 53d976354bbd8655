// A graph as the library runs it: slots for values, and nodes in order.
#ifndef FLEXGEN_PROGRAM_H
#define FLEXGEN_PROGRAM_H

#include "flexgen.h"

// In the order of `operatorNames` in @flexgen/spec.
enum fx_operator {
  FX_GATHER, FX_LINEAR, FX_ADD, FX_MUL, FX_LAYER_NORM, FX_RMS_NORM, FX_ACT_RELU, FX_ACT_GELU, FX_ACT_SILU, FX_SOFTMAX,
  FX_SPLIT, FX_ROTARY, FX_ATTENTION, FX_LAST_POSITION, FX_QUANTIZE, FX_DEQUANTIZE, FX_ARG_MAX, FX_TOP_K, FX_SAMPLE,
};

enum { FX_MOST_INPUTS = 6, FX_MOST_OUTPUTS = 64, FX_MOST_ATTRIBUTES = 8, FX_MOST_SLOTS = 4096, FX_MOST_NODES = 4096 };

typedef struct {
  int dtype, is_scratch;
  size_t width;
} fx_slot;

typedef struct {
  int operator_, input_count, output_count;
  int inputs[FX_MOST_INPUTS], outputs[FX_MOST_OUTPUTS]; // slots; -1 for an input that is left out
  double attributes[FX_MOST_ATTRIBUTES];
  double *frequencies; // of RotaryEmbedding
} fx_node;

struct fx_program {
  int slot_count, cache_count, node_count;
  fx_slot *slots;
  fx_node *nodes;
};

// A value of a run.
typedef struct {
  char *data;
  size_t rows, width;
  int dtype;
} fx_value;

// A cache of a run.
typedef struct {
  int dtype;
  size_t max_positions;
  const double *rows; // addresses
} fx_cache;

// A run of a program. The table: batch, seq, offset of the kernels' scratch, bytes of it; for every slot its address (or its
// offset in scratch) and its rows; for every cache its dtype, its positions, and the addresses of its rows.
typedef struct {
  const fx_program *program;
  const fx_level *level;
  fx_pool *pool;
  size_t threads, batch, seq;
  const double *table;
  char *scratch;                // of values
  char *shared;                 // of the present node, all threads
  size_t shared_bytes, thread_bytes;
} fx_run;

FX_INLINE fx_value fx_value_of(const fx_run *run, int slot) {
  const fx_slot *s = &run->program->slots[slot];
  const double *entry = run->table + 4 + 2 * slot;
  char *data = s->is_scratch ? run->scratch + (size_t)entry[0] : (char *)(uintptr_t)entry[0];
  return (fx_value){.data = data, .rows = (size_t)entry[1], .width = s->width, .dtype = s->dtype};
}
FX_INLINE fx_value fx_input(const fx_run *run, const fx_node *node, int i) {
  if (i >= node->input_count || node->inputs[i] < 0) return (fx_value){0};
  return fx_value_of(run, node->inputs[i]);
}
FX_INLINE fx_value fx_output(const fx_run *run, const fx_node *node, int i) {
  return fx_value_of(run, node->outputs[i]);
}
FX_INLINE fx_cache fx_cache_of(const fx_run *run, int cache) {
  const double *entry = run->table + 4 + 2 * run->program->slot_count + (size_t)cache * (2 + run->batch);
  return (fx_cache){.dtype = (int)entry[0], .max_positions = (size_t)entry[1], .rows = entry + 2};
}
// Scratch of a thread, behind what all share.
FX_INLINE char *fx_thread_scratch(const fx_run *run, size_t thread) {
  return run->shared + run->shared_bytes + thread * run->thread_bytes;
}
FX_INLINE char *fx_row(const fx_value *v, size_t row) { return v->data + row * fx_bytes(v->dtype, v->width); }
// A row as float32: where it lies, or in `copy`.
FX_INLINE const float *fx_floats(const fx_run *run, const fx_value *v, size_t row, float *copy) {
  const char *data = fx_row(v, row);
  if (v->dtype == FX_F32 && (uintptr_t)data % 4 == 0) return (const float *)data;
  run->level->to_f32(copy, data, v->width, v->dtype);
  return copy;
}

// Scratch of a node, in bytes.
typedef struct {
  size_t shared, thread;
} fx_need;

// The nodes of one kind: what they need, and how they run. The values of a table without addresses are enough for `need`.
typedef fx_need (*fx_need_function)(const fx_run *, const fx_node *);
typedef fx_result (*fx_node_function)(const fx_run *, const fx_node *);

fx_need fx_need_rows(const fx_run *, const fx_node *);
fx_need fx_need_linear(const fx_run *, const fx_node *);
fx_need fx_need_attention(const fx_run *, const fx_node *);
fx_result fx_run_rows(const fx_run *, const fx_node *);
fx_result fx_run_convert(const fx_run *, const fx_node *);
fx_result fx_run_gather(const fx_run *, const fx_node *);
fx_result fx_run_split(const fx_run *, const fx_node *);
fx_result fx_run_last_position(const fx_run *, const fx_node *);
fx_result fx_run_linear(const fx_run *, const fx_node *);
fx_result fx_run_attention(const fx_run *, const fx_node *);

FX_EXPORT void *fx_program_create(const double *words, size_t count);
FX_EXPORT void fx_program_free(void *program);
#endif
