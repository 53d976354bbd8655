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

static linear_job job_of(const fx_run *run, const fx_node *node) {
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
  job.is_block = !l->transposed || l->m > run->level->most_rows;
  if (job.is_block) {
    // Enough tasks for all threads, as large as the caches allow; sums do not depend on how they are cut.
    size_t unit = run->level->column_multiple;
    job.rows = fx_min(l->m, FX_BLOCK_ROWS);
    size_t row_tasks = fx_ceil_div(l->m, job.rows);
    size_t wanted = fx_ceil_div(3 * run->threads, row_tasks);
    job.columns = fx_min(FX_BLOCK_COLUMNS, fx_max(2 * unit, fx_round_up(fx_ceil_div(l->n, wanted), unit)));
  } else {
    job.rows = l->m;
    job.columns = FX_ROWS_COLUMNS / run->level->row_multiple * run->level->row_multiple;
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

fx_need fx_need_linear(const fx_run *run, const fx_node *node) {
  linear_job job = job_of(run, node);
  size_t thread = job.is_block ? run->level->linear_block_scratch(job.rows, job.columns)
                               : run->level->linear_rows_scratch(job.rows, job.columns, job.linear.k);
  // For 4-bit weights the rows are spread as well, with three numbers for each group.
  size_t k = job.linear.k, spread = is_spread(&job) ? k + 3 * (k / FX_GROUP) : 0;
  return (fx_need){must_widen(&job) || spread > 0 ? 4 * job.linear.m * (k + spread) : 0, thread};
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

fx_result fx_run_linear(const fx_run *run, const fx_node *node) {
  fx_value x = fx_input(run, node, 0), w = fx_input(run, node, 1), y = fx_output(run, node, 0);
  int transposed = node->attributes[0] != 0;
  if (x.rows != y.rows || w.width != (transposed ? x.width : y.width) || w.rows != (transposed ? y.width : x.width))
    return (fx_result){FX_BAD_PROGRAM, {0}};
  linear_job job = job_of(run, node);
  if (must_widen(&job)) {
    run->level->to_f32((float *)run->shared, x.data, x.rows * x.width, x.dtype);
    job.linear.x = run->shared;
    job.linear.x_dtype = FX_F32;
  }
  if (is_spread(&job)) {
    size_t groups = x.width / FX_GROUP;
    const float *wide = (const float *)job.linear.x;
    float *spread = (float *)run->shared + x.rows * x.width, *sums = spread + x.rows * x.width;
    for (size_t row = 0; row < x.rows; row++)
      run->level->spread(wide + row * x.width, x.width, spread + row * x.width, sums + row * 3 * groups);
    job.linear.x = (const char *)spread;
    job.linear.x_sums = sums;
  }
  fx_parallel(run->pool, do_linear, &job, job.column_tasks * fx_ceil_div(job.linear.m, job.rows));
  return (fx_result){FX_OK, {0}};
}
