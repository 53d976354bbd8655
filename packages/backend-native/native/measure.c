// Limits of the machine, measured with the same threads and instructions as the kernels. The calls block: they are for
// benchmarks.
#define _GNU_SOURCE
#include "flexgen.h"

#include <time.h>

typedef struct {
  const fx_level *level;
  const char *data;
  size_t bytes, rounds;
  double sums[1024][8]; // a cache line each
} measure_job;

enum { FX_PIECES = 1024 };

static void read_piece(void *argument, size_t index, size_t thread) {
  measure_job *job = argument;
  size_t piece = job->bytes / FX_PIECES / 64 * 64;
  job->sums[thread][0] += job->level->measure_read(job->data + index * piece, piece);
}

static void multiply_piece(void *argument, size_t index, size_t thread) {
  measure_job *job = argument;
  (void)index;
  job->sums[thread][0] += job->level->measure_multiply(job->rounds);
}

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

// Bytes read a second by so many threads in one pass over the data; 0 where the system refuses threads.
FX_EXPORT double fx_measure_read(size_t threads, const char *level, const void *data, size_t bytes) {
  fx_pool *pool = fx_pool_create(threads, 1);
  measure_job job = {.level = fx_find_level(level), .data = data, .bytes = bytes};
  if (pool == NULL || job.level == NULL) return 0;
  double start = seconds();
  fx_parallel(pool, read_piece, &job, FX_PIECES);
  double took = seconds() - start;
  fx_pool_free(pool);
  volatile double sink = job.sums[0][0];
  (void)sink;
  return (double)(bytes / FX_PIECES / 64 * 64 * FX_PIECES) / took;
}

// Multiplications (each with an addition) a second by so many threads.
FX_EXPORT double fx_measure_multiply(size_t threads, const char *level) {
  fx_pool *pool = fx_pool_create(threads, 1);
  measure_job job = {.level = fx_find_level(level), .rounds = 200000};
  if (pool == NULL || job.level == NULL) return 0;
  double start = seconds();
  fx_parallel(pool, multiply_piece, &job, 16 * threads);
  double took = seconds() - start, done = 0;
  for (size_t i = 0; i < threads; i++) done += job.sums[i][0];
  fx_pool_free(pool);
  return done / took;
}
