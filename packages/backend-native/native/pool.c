// A pool of threads that share the indices of one task at a time. They look for work for a moment, then sleep.
#define _GNU_SOURCE
#include "flexgen.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

// About 20 us: longer than what lies between the steps of a graph, shorter than a time slice of somebody else.
enum { FX_SPINS = 2000 };

typedef struct {
  fx_pool *pool;
  size_t index;
  pthread_t thread;
} fx_worker;

struct fx_pool {
  size_t threads;
  int is_pinned;
  fx_worker *workers;
  pthread_mutex_t mutex;
  pthread_cond_t wake, done;
  // Indices of the present task that nobody has taken. Whoever takes one may read the task: it stays as it is until all
  // that were taken are finished, so nobody has to wait for a thread that sleeps.
  atomic_size_t left, finished;
  atomic_int sleepers, is_waiting, is_closing;
  fx_task task;
  void *argument;
  size_t count;
};

static void fx_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static void fx_pin(size_t index) {
#if defined(__linux__)
  cpu_set_t allowed, one;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  size_t count = (size_t)CPU_COUNT(&allowed), wanted = count ? index % count : 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &allowed) || wanted-- > 0) continue;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    // Only a hint: where it is refused, the scheduler places the thread.
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
    return;
  }
#else
  (void)index;
#endif
}

static void work(fx_pool *pool, size_t thread) {
  size_t left = atomic_load(&pool->left);
  while (left > 0) {
    if (!atomic_compare_exchange_weak(&pool->left, &left, left - 1)) continue;
    size_t count = pool->count;
    pool->task(pool->argument, count - left, thread);
    if (atomic_fetch_add(&pool->finished, 1) + 1 == count && atomic_load(&pool->is_waiting)) {
      pthread_mutex_lock(&pool->mutex);
      pthread_cond_signal(&pool->done);
      pthread_mutex_unlock(&pool->mutex);
    }
    left = atomic_load(&pool->left);
  }
}

static void *run_worker(void *argument) {
  fx_worker *worker = argument;
  fx_pool *pool = worker->pool;
  if (pool->is_pinned) fx_pin(worker->index);
  for (;;) {
    for (int i = 0; i < FX_SPINS && atomic_load_explicit(&pool->left, memory_order_relaxed) == 0; i++) fx_pause();
    if (atomic_load(&pool->left) == 0) {
      pthread_mutex_lock(&pool->mutex);
      atomic_fetch_add(&pool->sleepers, 1);
      while (atomic_load(&pool->left) == 0 && !atomic_load(&pool->is_closing))
        pthread_cond_wait(&pool->wake, &pool->mutex);
      atomic_fetch_sub(&pool->sleepers, 1);
      pthread_mutex_unlock(&pool->mutex);
    }
    if (atomic_load(&pool->is_closing)) return NULL;
    work(pool, worker->index);
  }
}

fx_pool *fx_pool_create(size_t threads, int is_pinned) {
  fx_pool *pool = calloc(1, sizeof *pool);
  if (!pool) return NULL;
  pool->workers = calloc(threads, sizeof *pool->workers);
  if (!pool->workers) {
    free(pool);
    return NULL;
  }
  pool->is_pinned = is_pinned;
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->wake, NULL);
  pthread_cond_init(&pool->done, NULL);
  // The caller is thread 0. Where the system gives fewer threads, fewer work.
  pool->threads = 1;
  for (size_t i = 1; i < threads; i++) {
    pool->workers[i] = (fx_worker){.pool = pool, .index = i};
    if (pthread_create(&pool->workers[i].thread, NULL, run_worker, &pool->workers[i]) != 0) break;
    pool->threads++;
  }
  return pool;
}

void fx_pool_free(fx_pool *pool) {
  pthread_mutex_lock(&pool->mutex);
  atomic_store(&pool->is_closing, 1);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->mutex);
  for (size_t i = 1; i < pool->threads; i++) pthread_join(pool->workers[i].thread, NULL);
  pthread_cond_destroy(&pool->done);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->mutex);
  free(pool->workers);
  free(pool);
}

size_t fx_pool_threads(const fx_pool *pool) { return pool->threads; }

void fx_pool_enter(fx_pool *pool) {
  if (pool->is_pinned) fx_pin(0);
}

void fx_parallel(fx_pool *pool, fx_task task, void *argument, size_t count) {
  if (pool->threads == 1 || count <= 1) {
    for (size_t i = 0; i < count; i++) task(argument, i, 0);
    return;
  }
  pool->task = task;
  pool->argument = argument;
  pool->count = count;
  atomic_store(&pool->finished, 0);
  atomic_store(&pool->left, count);
  if (atomic_load(&pool->sleepers) > 0) {
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
  }
  work(pool, 0);
  for (int i = 0; i < FX_SPINS && atomic_load_explicit(&pool->finished, memory_order_acquire) < count; i++) fx_pause();
  if (atomic_load(&pool->finished) == count) return;
  pthread_mutex_lock(&pool->mutex);
  atomic_store(&pool->is_waiting, 1);
  while (atomic_load(&pool->finished) < count) pthread_cond_wait(&pool->done, &pool->mutex);
  atomic_store(&pool->is_waiting, 0);
  pthread_mutex_unlock(&pool->mutex);
}
