// Ordered queues. JavaScript submits operations and never waits: one thread runs kernels with the pool, one copies, and
// a byte in a pipe wakes the event loop when something has ended.
#define _GNU_SOURCE
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum fx_kind { FX_OP_RUN, FX_OP_COPY, FX_OP_WAIT };

typedef struct fx_op {
  struct fx_op *next;       // in its queue, or among the free ones
  struct fx_op *next_ready; // in the list of a thread
  enum fx_kind kind;
  uint32_t queue;
  // Run: program, table, scratch.
  const fx_program *program;
  const double *table;
  char *scratch;
  // Copies: lanes of bytes; a plain copy is one lane.
  char *target;
  const char *source;
  size_t bytes, lanes, target_stride, source_stride;
  // Wait: for operation `number` of queue `other`.
  uint32_t other;
  uint64_t number;
} fx_op;

typedef struct {
  fx_op *first, *last;
  uint64_t completed;   // operations that have ended
  uint64_t failed_from; // number of the first that did not end well
  int is_active;        // the first operation runs, or stands in the list of a thread
} fx_queue;

typedef struct {
  fx_op *first, *last;
} fx_list;

typedef struct {
  pthread_mutex_t mutex;
  pthread_cond_t run_wake, copy_wake;
  pthread_t run_thread, copy_thread;
  fx_pool *pool;
  const fx_level *level;
  int is_closing, has_threads, notified;
  int pipe[2];
  fx_queue *queues;
  uint32_t queue_count, queue_room;
  fx_list runs, copies;
  fx_op *free_ops;
  // What has ended and was not fetched yet: queue, status, start, end, four details.
  double (*ended)[8];
  size_t ended_count, ended_room, outstanding; // of the operations that were not fetched yet
} fx_context;

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void append_ready(fx_list *list, fx_op *op) {
  op->next_ready = NULL;
  if (list->last) list->last->next_ready = op;
  else list->first = op;
  list->last = op;
}

static fx_op *take_ready(fx_list *list) {
  fx_op *op = list->first;
  if (op == NULL) return NULL;
  list->first = op->next_ready;
  if (list->first == NULL) list->last = NULL;
  return op;
}

// Under the mutex: the first operation of a queue has ended.
static void complete(fx_context *context, fx_queue *queue, double start_ms, fx_result result) {
  fx_op *op = queue->first;
  queue->first = op->next;
  if (queue->first == NULL) queue->last = NULL;
  queue->completed++;
  queue->is_active = 0;
  if (result.status != FX_OK && queue->failed_from == UINT64_MAX) queue->failed_from = queue->completed;
  double *entry = context->ended[context->ended_count++];
  entry[0] = op->queue;
  entry[1] = result.status;
  entry[2] = start_ms;
  entry[3] = now_ms();
  memcpy(entry + 4, result.details, sizeof result.details);
  op->next = context->free_ops;
  context->free_ops = op;
  if (context->notified) return;
  context->notified = 1;
  // A full pipe wakes the reader just as well.
  while (write(context->pipe[1], "", 1) < 0 && errno == EINTR) continue;
}

// Under the mutex: brings the first operation of a queue on its way; whether anything has ended by that.
static int advance(fx_context *context, fx_queue *queue) {
  int has_ended = 0;
  while (queue->first != NULL && !queue->is_active) {
    fx_op *op = queue->first;
    if (queue->failed_from != UINT64_MAX) {
      complete(context, queue, now_ms(), (fx_result){FX_DROPPED, {0}});
      has_ended = 1;
      continue;
    }
    if (op->kind == FX_OP_WAIT) {
      const fx_queue *other = &context->queues[op->other];
      if (other->completed < op->number) break;
      int has_failed = other->failed_from <= op->number;
      complete(context, queue, now_ms(), (fx_result){has_failed ? FX_WAIT_FAILED : FX_OK, {0}});
      has_ended = 1;
      continue;
    }
    queue->is_active = 1;
    append_ready(op->kind == FX_OP_RUN ? &context->runs : &context->copies, op);
    pthread_cond_signal(op->kind == FX_OP_RUN ? &context->run_wake : &context->copy_wake);
  }
  return has_ended;
}

// Under the mutex: an end in one queue may be what others wait for.
static void advance_all(fx_context *context) {
  for (int again = 1; again;) {
    again = 0;
    for (uint32_t i = 0; i < context->queue_count; i++) again |= advance(context, &context->queues[i]);
  }
}

static void copy_lanes(const fx_op *op) {
  for (size_t lane = 0; lane < op->lanes; lane++)
    memmove(op->target + lane * op->target_stride, op->source + lane * op->source_stride, op->bytes);
}

// Takes operations of a list until the context closes.
static void serve(fx_context *context, fx_list *list, pthread_cond_t *wake) {
  pthread_mutex_lock(&context->mutex);
  for (;;) {
    const fx_op *op = take_ready(list);
    if (op == NULL) {
      if (context->is_closing) break;
      pthread_cond_wait(wake, &context->mutex);
      continue;
    }
    uint32_t queue = op->queue;
    pthread_mutex_unlock(&context->mutex);
    double start_ms = now_ms();
    fx_result result = {FX_OK, {0}};
    if (op->kind == FX_OP_RUN)
      result = fx_program_run(op->program, context->pool, context->level, op->table, op->scratch);
    else copy_lanes(op);
    pthread_mutex_lock(&context->mutex);
    complete(context, &context->queues[queue], start_ms, result);
    advance_all(context);
  }
  pthread_mutex_unlock(&context->mutex);
}

static void *run_kernels(void *argument) {
  fx_context *context = argument;
  fx_pool_enter(context->pool);
  serve(context, &context->runs, &context->run_wake);
  return NULL;
}

static void *run_copies(void *argument) {
  fx_context *context = argument;
  serve(context, &context->copies, &context->copy_wake);
  return NULL;
}

static int open_pipe(fx_context *context) {
  if (pipe(context->pipe) != 0) return 0;
  for (int i = 0; i < 2; i++) fcntl(context->pipe[i], F_SETFD, FD_CLOEXEC);
  return fcntl(context->pipe[1], F_SETFL, O_NONBLOCK) == 0;
}

FX_EXPORT void fx_close(void *pointer) {
  fx_context *context = pointer;
  if (context == NULL) return;
  if (context->has_threads) {
    pthread_mutex_lock(&context->mutex);
    context->is_closing = 1;
    pthread_cond_broadcast(&context->run_wake);
    pthread_cond_broadcast(&context->copy_wake);
    pthread_mutex_unlock(&context->mutex);
    pthread_join(context->run_thread, NULL);
    pthread_join(context->copy_thread, NULL);
  }
  if (context->pool) fx_pool_free(context->pool);
  // The reading end belongs to who asked for it.
  if (context->pipe[1] >= 0) close(context->pipe[1]);
  for (uint32_t i = 0; i < context->queue_count; i++) {
    while (context->queues[i].first != NULL) {
      fx_op *op = context->queues[i].first;
      context->queues[i].first = op->next;
      free(op);
    }
  }
  while (context->free_ops != NULL) {
    fx_op *op = context->free_ops;
    context->free_ops = op->next;
    free(op);
  }
  pthread_mutex_destroy(&context->mutex);
  pthread_cond_destroy(&context->run_wake);
  pthread_cond_destroy(&context->copy_wake);
  free(context->queues);
  free(context->ended);
  free(context);
}

// Opens a context of so many threads; `level` null takes the best kernels. Null where the system refuses.
FX_EXPORT void *fx_open(size_t threads, int is_pinned, const char *level) {
  fx_context *context = calloc(1, sizeof *context);
  if (context == NULL) return NULL;
  context->pipe[0] = context->pipe[1] = -1;
  pthread_mutex_init(&context->mutex, NULL);
  pthread_cond_init(&context->run_wake, NULL);
  pthread_cond_init(&context->copy_wake, NULL);
  context->level = fx_find_level(level);
  context->pool = fx_pool_create(threads, is_pinned);
  if (context->level != NULL && context->pool != NULL && open_pipe(context) &&
      pthread_create(&context->run_thread, NULL, run_kernels, context) == 0) {
    if (pthread_create(&context->copy_thread, NULL, run_copies, context) == 0) {
      context->has_threads = 1;
      return context;
    }
    context->is_closing = 1;
    pthread_cond_broadcast(&context->run_wake);
    pthread_join(context->run_thread, NULL);
  }
  if (context->pipe[0] >= 0) close(context->pipe[0]);
  fx_close(context);
  return NULL;
}

FX_EXPORT int fx_pipe(void *pointer) { return ((fx_context *)pointer)->pipe[0]; }
FX_EXPORT const char *fx_level_name(void *pointer) { return ((fx_context *)pointer)->level->name; }
FX_EXPORT size_t fx_threads(void *pointer) { return fx_pool_threads(((fx_context *)pointer)->pool); }

// Bytes of scratch that the kernels of a run need; addresses in the table do not count.
FX_EXPORT double fx_scratch_bytes(void *pointer, const void *program, const double *table) {
  const fx_context *context = pointer;
  return (double)fx_program_need(program, context->level, fx_pool_threads(context->pool), table);
}

// Number of a new queue, or -1 where the system refuses memory.
FX_EXPORT int fx_create_queue(void *pointer) {
  fx_context *context = pointer;
  pthread_mutex_lock(&context->mutex);
  if (context->queue_count == context->queue_room) {
    uint32_t room = context->queue_room ? 2 * context->queue_room : 8;
    fx_queue *queues = realloc(context->queues, room * sizeof *queues);
    if (queues == NULL) {
      pthread_mutex_unlock(&context->mutex);
      return -1;
    }
    context->queues = queues;
    context->queue_room = room;
  }
  int number = (int)context->queue_count++;
  context->queues[number] = (fx_queue){.failed_from = UINT64_MAX};
  pthread_mutex_unlock(&context->mutex);
  return number;
}

// Makes a queue whose operations have all ended and were fetched a new one.
FX_EXPORT void fx_reset_queue(void *pointer, uint32_t number) {
  fx_context *context = pointer;
  pthread_mutex_lock(&context->mutex);
  context->queues[number] = (fx_queue){.failed_from = UINT64_MAX};
  pthread_mutex_unlock(&context->mutex);
}

// Takes an operation with room for its end, so that nothing fails later for want of memory.
static fx_op *take_op(fx_context *context) {
  if (context->outstanding == context->ended_room) {
    size_t room = 2 * context->ended_room + 64;
    double(*ended)[8] = realloc(context->ended, room * sizeof *ended);
    if (ended == NULL) return NULL;
    context->ended = ended;
    context->ended_room = room;
  }
  fx_op *op = context->free_ops;
  if (op != NULL) context->free_ops = op->next;
  else op = malloc(sizeof *op);
  if (op != NULL) context->outstanding++;
  return op;
}

static int submit(fx_context *context, uint32_t queue, const fx_op *wanted) {
  pthread_mutex_lock(&context->mutex);
  fx_op *op = queue < context->queue_count ? take_op(context) : NULL;
  if (op != NULL) {
    *op = *wanted;
    op->queue = queue;
    op->next = NULL;
    fx_queue *q = &context->queues[queue];
    if (q->last) q->last->next = op;
    else q->first = op;
    q->last = op;
    if (advance(context, q)) advance_all(context);
  }
  pthread_mutex_unlock(&context->mutex);
  return op != NULL;
}

// The functions below queue an operation; 0 where the system refuses memory.
FX_EXPORT int fx_submit_run(void *context, uint32_t queue, const void *program, const void *table, void *scratch) {
  return submit(context, queue, &(fx_op){.kind = FX_OP_RUN, .program = program, .table = table, .scratch = scratch});
}
FX_EXPORT int fx_submit_copy(void *context, uint32_t queue, void *target, const void *source, size_t bytes,
                             size_t lanes, size_t target_stride, size_t source_stride) {
  return submit(context, queue,
                &(fx_op){.kind = FX_OP_COPY, .target = target, .source = source, .bytes = bytes, .lanes = lanes,
                         .target_stride = target_stride, .source_stride = source_stride});
}
FX_EXPORT int fx_submit_wait(void *pointer, uint32_t queue, uint32_t other, double number) {
  fx_context *context = pointer;
  if (other >= context->queue_count) return 0;
  return submit(context, queue, &(fx_op){.kind = FX_OP_WAIT, .other = other, .number = (uint64_t)number});
}

// Drops what has not started in a queue.
FX_EXPORT void fx_cancel(void *pointer, uint32_t queue) {
  fx_context *context = pointer;
  pthread_mutex_lock(&context->mutex);
  fx_queue *q = &context->queues[queue];
  // The one that runs ends as it does; the next one is the first to fail.
  if (q->failed_from == UINT64_MAX && q->first != NULL) q->failed_from = q->completed + (q->is_active ? 2 : 1);
  if (advance(context, q)) advance_all(context);
  pthread_mutex_unlock(&context->mutex);
}

// Fetches what has ended, eight numbers an operation; fewer than `most` means that this was all.
FX_EXPORT size_t fx_fetch(void *pointer, double *entries, size_t most) {
  fx_context *context = pointer;
  pthread_mutex_lock(&context->mutex);
  size_t count = fx_min(most, context->ended_count);
  memcpy(entries, context->ended, count * sizeof *context->ended);
  context->ended_count -= count;
  context->outstanding -= count;
  memmove(context->ended, context->ended + count, context->ended_count * sizeof *context->ended);
  if (context->ended_count == 0) context->notified = 0;
  pthread_mutex_unlock(&context->mutex);
  return count;
}
