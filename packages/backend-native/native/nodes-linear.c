// Linear: few rows read the weights once as they lie, many rows work in packed blocks.
#include "program.h"

enum {
  FX_ROWS_COLUMNS = 96,    // columns of a task for few rows
  FX_BLOCK_COLUMNS = 256,  // most columns of a task for many rows: its weights stay in L2
  FX_BLOCK_ROWS = 1024,    // most rows of a task: its sums are packed once for so many
};

typedef struct {
  const fx_run *run;
  fx_linear linear;
  size_t rows, columns; // of a task
  size_t column_tasks;
  int is_block;
} linear_job;

// 4-bit weights of 64 columns lie in one piece.
static size_t column_unit(const fx_linear *l, size_t unit) {
  return fx_is_group(l->w_dtype) && fx_is_along_n(l->w_dtype, l->transposed) ? FX_GROUP : unit;
}

static linear_job job_of(const fx_run *run, const fx_node *node, int must_block) {
  fx_value x = fx_input(run, node, 0), w = fx_input(run, node, 1), bias = fx_input(run, node, 2);
  fx_value residual = fx_input(run, node, 3), y = fx_output(run, node, 0);
  linear_job job = {.run = run};
  job.linear = (fx_linear){
    .m = x.rows, .n = y.width, .k = x.width,
    .x = x.data, .w = w.data, .bias = bias.data, .residual = residual.data, .y = y.data,
    .x_dtype = x.dtype, .w_dtype = w.dtype, .bias_dtype = bias.dtype, .residual_dtype = residual.dtype,
    .y_dtype = y.dtype, .transposed = node->attributes[0] != 0, .activation = (int)node->attributes[1],
  };
  const fx_linear *l = &job.linear;
  job.is_block = must_block || !l->transposed || l->m > run->level->linear_most_rows(l->x_dtype, l->w_dtype);
  if (job.is_block) {
    // Enough tasks for all threads, as large as the caches allow; sums do not depend on how they are cut.
    size_t unit = column_unit(l, run->level->column_multiple);
    job.rows = fx_min(l->m, FX_BLOCK_ROWS);
    size_t row_tasks = fx_ceil_div(l->m, job.rows);
    size_t wanted = fx_ceil_div(3 * run->threads, row_tasks);
    job.columns = fx_min(FX_BLOCK_COLUMNS, fx_max(2 * unit, fx_round_up(fx_ceil_div(l->n, wanted), unit)));
  } else {
    job.rows = l->m;
    job.columns = column_unit(l, FX_ROWS_COLUMNS / run->level->row_multiple * run->level->row_multiple);
  }
  job.columns = fx_min(job.columns, l->n);
  job.column_tasks = fx_ceil_div(l->n, job.columns);
  return job;
}

// Few rows of another dtype are widened once for all tasks.
static int must_widen(const linear_job *job) {
  return !job->is_block && !job->run->level->linear_takes(job->linear.x_dtype, job->linear.w_dtype);
}

static int is_spread(const linear_job *job) { return !job->is_block && job->linear.w_dtype == FX_Q4; }

static fx_need need_of(const fx_run *run, const linear_job *job) {
  size_t thread = job->is_block ? run->level->linear_block_scratch(job->rows, job->columns)
                                : run->level->linear_rows_scratch(job->rows, job->columns, job->linear.k);
  // Rows of x are spread as well for groups along k, with three numbers for each group.
  size_t spread = is_spread(job) ? fx_ceil_div(job->linear.k, FX_GROUP) * (FX_GROUP + 3) : 0;
  size_t wide = must_widen(job) ? job->linear.k : 0;
  return (fx_need){4 * job->linear.m * (wide + spread), thread};
}

fx_need fx_need_linear(const fx_run *run, const fx_node *node) {
  linear_job job = job_of(run, node, 0);
  fx_need need = need_of(run, &job);
  if (job.is_block || !fx_is_group(job.linear.w_dtype)) return need;
  linear_job other = job_of(run, node, 1);
  need.thread = fx_max(need.thread, need_of(run, &other).thread);
  return need;
}

static void do_linear(void *argument, size_t index, size_t thread) {
  const linear_job *job = argument;
  const fx_linear *l = &job->linear;
  size_t n = index % job->column_tasks * job->columns, m = index / job->column_tasks * job->rows;
  char *scratch = fx_thread_scratch(job->run, thread);
  if (job->is_block)
    job->run->level->linear_block(l, m, fx_min(l->m, m + job->rows), n, fx_min(l->n, n + job->columns), scratch);
  else job->run->level->linear_rows(l, n, fx_min(l->n, n + job->columns), scratch);
}

// Rows of float32 as `linear_rows` takes them for groups along k.
static void spread_rows(linear_job *job, float *spread) {
  fx_linear *l = &job->linear;
  const size_t groups = fx_ceil_div(l->k, FX_GROUP);
  const float *x = (const float *)l->x;
  float *sums = spread + l->m * groups * FX_GROUP;
  for (size_t row = 0; row < l->m; row++)
    job->run->level->spread(x + row * l->k, l->k, spread + row * groups * FX_GROUP, sums + row * 3 * groups);
  l->x = (const char *)spread;
  l->x_sums = sums;
}

fx_result fx_run_linear(const fx_run *run, const fx_node *node) {
  fx_value x = fx_input(run, node, 0), w = fx_input(run, node, 1), y = fx_output(run, node, 0);
  int transposed = node->attributes[0] != 0;
  if (x.rows != y.rows || w.width != (transposed ? x.width : y.width) || w.rows != (transposed ? y.width : x.width))
    return (fx_result){FX_BAD_PROGRAM, {0}};
  linear_job job = job_of(run, node, 0);
  float *free = (float *)run->shared;
  if (must_widen(&job)) {
    free += x.rows * x.width;
    run->level->to_f32((float *)run->shared, x.data, x.rows * x.width, x.dtype);
    job.linear.x = run->shared;
    job.linear.x_dtype = FX_F32;
  }
  // Scale, minimum and nibble apart give other results than their value where x is not finite.
  if (!job.is_block && fx_is_group(w.dtype) && !run->level->is_finite((const float *)job.linear.x, x.rows * x.width))
    job = job_of(run, node, 1);
  if (is_spread(&job)) spread_rows(&job, free);
  fx_parallel(run->pool, do_linear, &job, job.column_tasks * fx_ceil_div(job.linear.m, job.rows));
  return (fx_result){FX_OK, {0}};
}
