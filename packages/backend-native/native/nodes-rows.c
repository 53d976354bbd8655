// Nodes that work row by row.
#include "program.h"
#include "select.h"

// Values that a task should have at least, so that it outweighs what handing it out costs.
enum { FX_TASK_VALUES = 16384 };

typedef struct {
  const fx_run *run;
  const fx_node *node;
  fx_value in[3], out[2];
  size_t rows, rows_per_task;
} rows_job;

static size_t rows_per_task(size_t rows, size_t width, size_t threads) {
  size_t least = fx_ceil_div(FX_TASK_VALUES, fx_max(width, 1));
  return fx_max(fx_max(least, 1), fx_ceil_div(rows, 4 * threads));
}

fx_need fx_need_rows(const fx_run *run, const fx_node *node) {
  size_t width = fx_input(run, node, 0).width;
  // Four rows of float32, and what TopK and Sample sort, or the angles of RotaryEmbedding.
  return (fx_need){0, 4 * 6 * (width + 16)};
}

static void rotate(const fx_node *node, float *y, const float *x, size_t width, int32_t position, float *angles) {
  const size_t head_dim = (size_t)node->attributes[1], half = (size_t)node->attributes[2] / 2;
  const int is_interleaved = node->attributes[4] != 0;
  for (size_t i = 0; i < half; i++) {
    double angle = position * node->frequencies[i];
    angles[2 * i] = (float)cos(angle);
    angles[2 * i + 1] = (float)sin(angle);
  }
  memmove(y, x, 4 * width);
  for (size_t h = 0; h < width; h += head_dim) {
    for (size_t i = 0; i < half; i++) {
      size_t first = h + (is_interleaved ? 2 * i : i), second = h + (is_interleaved ? 2 * i + 1 : i + half);
      float a = x[first], b = x[second], cosine = angles[2 * i], sine = angles[2 * i + 1];
      y[first] = a * cosine - b * sine;
      y[second] = b * cosine + a * sine;
    }
  }
}

static void do_rows(void *argument, size_t index, size_t thread) {
  const rows_job *job = argument;
  const fx_run *run = job->run;
  const fx_node *node = job->node;
  const fx_level *level = run->level;
  const size_t width = job->in[0].width, from = index * job->rows_per_task;
  const size_t to = fx_min(job->rows, from + job->rows_per_task);
  float *space = (float *)fx_thread_scratch(run, thread);
  float *copy = space, *result = space + width + 16, *second = result + width + 16, *third = second + width + 16;
  const float *scale = NULL, *bias = NULL;
  if (node->operator_ == FX_LAYER_NORM || node->operator_ == FX_RMS_NORM) {
    scale = fx_floats(run, &job->in[1], 0, second);
    if (node->operator_ == FX_LAYER_NORM) bias = fx_floats(run, &job->in[2], 0, third);
  }
  for (size_t row = from; row < to; row++) {
    const float *x = fx_floats(run, &job->in[0], row, copy);
    char *y = fx_row(&job->out[0], row);
    float *z = job->out[0].dtype == FX_F32 ? (float *)y : result;
    switch (node->operator_) {
      case FX_ADD: level->add(z, x, fx_floats(run, &job->in[1], row, second), width); break;
      case FX_MUL: level->mul(z, x, fx_floats(run, &job->in[1], row, second), width); break;
      case FX_LAYER_NORM: level->layer_norm(z, x, scale, bias, width, (float)node->attributes[0]); break;
      case FX_RMS_NORM: level->rms_norm(z, x, scale, width, (float)node->attributes[0]); break;
      case FX_ACT_RELU: level->activate(z, x, width, FX_RELU); break;
      case FX_ACT_GELU: level->activate(z, x, width, node->attributes[0] != 0 ? FX_GELU_TANH : FX_GELU_ERF); break;
      case FX_ACT_SILU: level->activate(z, x, width, FX_SILU); break;
      case FX_SOFTMAX: level->softmax(z, x, width); break;
      case FX_ROTARY: rotate(node, z, x, width, ((const int32_t *)job->in[1].data)[row], second); break;
      case FX_ARG_MAX: ((int32_t *)job->out[0].data)[row] = (int32_t)level->arg_max(x, width); continue;
      case FX_TOP_K: {
        size_t k = (size_t)node->attributes[0];
        fx_top_k(x, width, k, result, (int32_t *)fx_row(&job->out[1], row), (int32_t *)second);
        level->from_f32(y, result, k, job->out[0].dtype);
        continue;
      }
      case FX_SAMPLE:
        ((int32_t *)job->out[0].data)[row] =
          fx_sample(x, width, ((const float *)job->in[1].data)[row], node->attributes[0], (size_t)node->attributes[1],
                    node->attributes[2], (int32_t *)second);
        continue;
      default: break;
    }
    if ((char *)z != y) level->from_f32(y, z, width, job->out[0].dtype);
  }
}

static int is_norm(int operator_) { return operator_ == FX_LAYER_NORM || operator_ == FX_RMS_NORM; }

static int is_elementwise(int operator_) {
  return operator_ == FX_ADD || operator_ == FX_MUL || operator_ == FX_ACT_RELU || operator_ == FX_ACT_GELU ||
         operator_ == FX_ACT_SILU;
}

fx_result fx_run_rows(const fx_run *run, const fx_node *node) {
  rows_job job = {.run = run, .node = node};
  for (int i = 0; i < 3 && i < node->input_count; i++) job.in[i] = fx_input(run, node, i);
  for (int i = 0; i < 2 && i < node->output_count; i++) job.out[i] = fx_output(run, node, i);
  const fx_value *x = &job.in[0];
  const fx_result bad = {FX_BAD_PROGRAM, {0}};
  if (is_elementwise(node->operator_) && job.out[0].rows != x->rows) return bad;
  if ((node->operator_ == FX_ADD || node->operator_ == FX_MUL) && (job.in[1].rows != x->rows || job.in[1].width != x->width))
    return bad;
  if (is_norm(node->operator_) && (job.in[1].width != x->width || (node->operator_ == FX_LAYER_NORM && job.in[2].width != x->width)))
    return bad;
  job.rows = x->rows;
  job.rows_per_task = rows_per_task(job.rows, x->width, run->threads);
  fx_parallel(run->pool, do_rows, &job, fx_ceil_div(job.rows, job.rows_per_task));
  return (fx_result){FX_OK, {0}};
}

// Rows as they are in another dtype: QuantizeGroup and DequantizeGroup.
static void convert_rows(void *argument, size_t index, size_t thread) {
  const rows_job *job = argument;
  float *copy = (float *)fx_thread_scratch(job->run, thread);
  size_t from = index * job->rows_per_task, to = fx_min(job->rows, from + job->rows_per_task);
  for (size_t row = from; row < to; row++)
    job->run->level->from_f32(fx_row(&job->out[0], row), fx_floats(job->run, &job->in[0], row, copy), job->in[0].width,
                              job->out[0].dtype);
}

fx_result fx_run_convert(const fx_run *run, const fx_node *node) {
  rows_job job = {.run = run, .node = node};
  job.in[0] = fx_input(run, node, 0);
  job.out[0] = fx_output(run, node, 0);
  job.rows = job.in[0].rows;
  if (job.out[0].rows != job.rows || job.out[0].width != job.in[0].width)
    return (fx_result){FX_BAD_PROGRAM, {0}};
  job.rows_per_task = rows_per_task(job.rows, job.in[0].width, run->threads);
  fx_parallel(run->pool, convert_rows, &job, fx_ceil_div(job.rows, job.rows_per_task));
  return (fx_result){FX_OK, {0}};
}

fx_result fx_run_gather(const fx_run *run, const fx_node *node) {
  fx_value table = fx_input(run, node, 0), indices = fx_input(run, node, 1), y = fx_output(run, node, 0);
  const int32_t *ids = (const int32_t *)indices.data;
  float *copy = (float *)fx_thread_scratch(run, 0);
  size_t count = indices.rows * indices.width;
  if (y.rows != count || y.width != table.width) return (fx_result){FX_BAD_PROGRAM, {0}};
  for (size_t i = 0; i < count; i++) {
    int64_t row = (int64_t)ids[i] + (int64_t)node->attributes[0];
    if (row < 0 || row >= (int64_t)table.rows) return (fx_result){FX_BAD_INDEX, {0, (double)row, (double)table.rows}};
    run->level->from_f32(fx_row(&y, i), fx_floats(run, &table, (size_t)row, copy), y.width, y.dtype);
  }
  return (fx_result){FX_OK, {0}};
}

typedef struct {
  fx_value x;
  fx_value pieces[FX_MOST_OUTPUTS];
  int count;
  size_t rows_per_task;
} split_job;

static void do_split(void *argument, size_t index, size_t thread) {
  const split_job *job = argument;
  (void)thread;
  size_t from = index * job->rows_per_task, to = fx_min(job->x.rows, from + job->rows_per_task);
  for (size_t row = from; row < to; row++) {
    const char *x = fx_row(&job->x, row);
    for (int i = 0; i < job->count; i++) {
      size_t bytes = fx_bytes(job->x.dtype, job->pieces[i].width);
      memcpy(fx_row(&job->pieces[i], row), x, bytes);
      x += bytes;
    }
  }
}

fx_result fx_run_split(const fx_run *run, const fx_node *node) {
  split_job job = {.x = fx_input(run, node, 0), .count = node->output_count};
  size_t width = 0;
  for (int i = 0; i < job.count; i++) {
    job.pieces[i] = fx_output(run, node, i);
    width += job.pieces[i].width;
    if (job.pieces[i].rows != job.x.rows || job.pieces[i].dtype != job.x.dtype) return (fx_result){FX_BAD_PROGRAM, {0}};
  }
  if (width != job.x.width) return (fx_result){FX_BAD_PROGRAM, {0}};
  job.rows_per_task = rows_per_task(job.x.rows, width, run->threads);
  fx_parallel(run->pool, do_split, &job, fx_ceil_div(job.x.rows, job.rows_per_task));
  return (fx_result){FX_OK, {0}};
}

fx_result fx_run_last_position(const fx_run *run, const fx_node *node) {
  fx_value x = fx_input(run, node, 0), y = fx_output(run, node, 0);
  const int32_t *positions = (const int32_t *)fx_input(run, node, 1).data;
  const int32_t *lengths = (const int32_t *)fx_input(run, node, 2).data;
  if (x.rows != run->batch * run->seq || y.rows != run->batch || x.dtype != y.dtype || x.width != y.width)
    return (fx_result){FX_BAD_PROGRAM, {0}};
  for (size_t row = 0; row < run->batch; row++) {
    int64_t start = positions[row * run->seq], last = (int64_t)lengths[row] - 1 - start;
    if (last < 0 || last >= (int64_t)run->seq)
      return (fx_result){FX_BAD_LENGTH, {0, (double)row, (double)start, (double)lengths[row]}};
    memcpy(fx_row(&y, row), fx_row(&x, row * run->seq + (size_t)last), fx_bytes(x.dtype, x.width));
  }
  return (fx_result){FX_OK, {0}};
}
