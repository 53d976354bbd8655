// Runs the kernels of native/*.cu on the host, a block at a time.
#include "cuda-shim.h"

#include <setjmp.h>
#include <stdlib.h>
#include <ucontext.h>

Index3 threadIdx, blockIdx, blockDim, gridDim;

enum { mostThreads = 1024, warpThreads = 32, stackBytes = 64 * 1024, mostSharedBytes = 227 * 1024 };

/** Dynamic shared memory of the block that runs, and room behind it where nothing may be written. */
alignas(16) float memory[mostSharedBytes / 4 + 64];
static const unsigned char untouched = 0xff;

typedef void (*Body)(const void*);
static Body body;
static const void* parameters;

/** A meeting of some threads: who comes last begins the next round. */
struct Meeting {
  unsigned round, present, members;
};
struct Thread {
  jmp_buf place;
  bool isStarted, hasEnded;
  // What it waits for, and the round in which it began to.
  const Meeting* meeting;
  unsigned round;
};
/** A stack that threads run on: one after the other, as long as none of them waits. */
struct Fiber {
  jmp_buf idle;
};
static Thread blockThreads[mostThreads];
static Fiber* idleFibers[mostThreads];
static unsigned idleCount, current, liveCount;
static bool isBackwards;
static Meeting blockMeeting, warpMeetings[mostThreads / warpThreads];
static uint32_t exchanged[mostThreads / warpThreads][2][warpThreads];
static jmp_buf launcher;

static void leave(Meeting* meeting) {
  meeting->members--;
  if (meeting->members > 0 && meeting->present == meeting->members) {
    meeting->present = 0;
    meeting->round++;
  }
}

static bool isReady(const Thread& thread) {
  return !thread.hasEnded && (thread.meeting == NULL || thread.round != thread.meeting->round);
}

/**
 * The next thread that waits for nothing: of this warp if there is one. Every other block runs backwards, so that nothing
 * hangs on threads being in order without waiting for each other.
 */
static unsigned nextReady() {
  const unsigned warp = current / warpThreads * warpThreads, last = blockDim.x - 1;
  for (unsigned i = 1; i <= warpThreads; i++) {
    const unsigned index = warp + (isBackwards ? current - i : current + i) % warpThreads;
    if (isReady(blockThreads[index])) return index;
  }
  for (unsigned i = 0; i <= last; i++) {
    const unsigned index = isBackwards ? last - i : i;
    if (isReady(blockThreads[index])) return index;
  }
  // Threads wait at different places: on a device they would hang.
  abort();
}

static void select(unsigned index) {
  current = index;
  threadIdx.x = index;
  blockThreads[index].isStarted = true;
}

static void serve();

/** Goes on with a thread; never returns. */
static void resume(unsigned index) {
  const bool isStarted = blockThreads[index].isStarted;
  select(index);
  if (isStarted) _longjmp(blockThreads[index].place, 1);
  if (idleCount > 0) _longjmp(idleFibers[--idleCount]->idle, 1);
  ucontext_t context;
  getcontext(&context);
  context.uc_stack.ss_sp = malloc(stackBytes);
  context.uc_stack.ss_size = stackBytes;
  context.uc_link = NULL;
  makecontext(&context, serve, 0);
  setcontext(&context);
}

/** Runs threads on a stack of its own, which is used again for all blocks. */
static void serve() {
  Fiber self;
  for (;;) {
    body(parameters);
    blockThreads[current].hasEnded = true;
    leave(&blockMeeting);
    leave(&warpMeetings[current / warpThreads]);
    if (--liveCount > 0) {
      const unsigned next = nextReady();
      if (!blockThreads[next].isStarted) {
        select(next);
        continue;
      }
      idleFibers[idleCount++] = &self;
      if (_setjmp(self.idle) == 0) resume(next);
    } else {
      idleFibers[idleCount++] = &self;
      if (_setjmp(self.idle) == 0) _longjmp(launcher, 1);
    }
  }
}

static void meet(Meeting* meeting) {
  if (++meeting->present == meeting->members) {
    meeting->present = 0;
    meeting->round++;
    return;
  }
  blockThreads[current].meeting = meeting;
  blockThreads[current].round = meeting->round;
  if (_setjmp(blockThreads[current].place) == 0) resume(nextReady());
  blockThreads[current].meeting = NULL;
}

void __syncthreads() { meet(&blockMeeting); }

uint32_t exchangeBits(uint32_t bits, int laneMask) {
  const unsigned warp = current / warpThreads, lane = current % warpThreads;
  Meeting* meeting = &warpMeetings[warp];
  // Two places: who is ahead may bring the next value before all have read this one.
  uint32_t* lanes = exchanged[warp][meeting->round & 1];
  lanes[lane] = bits;
  meet(meeting);
  return lanes[lane ^ laneMask];
}

/** Runs all blocks of a launch; gives whether none has written behind its shared memory. */
extern "C" int fakeRunKernel(void* function, const void* given, const unsigned* grid, unsigned threadCount,
                             unsigned sharedBytes) {
  body = (Body)function;
  parameters = given;
  blockDim = {threadCount, 1, 1};
  gridDim = {grid[0], grid[1], grid[2]};
  unsigned char* behind = (unsigned char*)memory + sharedBytes;
  for (unsigned z = 0; z < grid[2]; z++)
    for (unsigned y = 0; y < grid[1]; y++)
      for (unsigned x = 0; x < grid[0]; x++) {
        blockIdx = {x, y, z};
        // NaN, as are numbers that nobody wrote.
        memset(memory, untouched, sharedBytes + 64);
        blockMeeting = {0, 0, threadCount};
        for (unsigned i = 0; i < threadCount; i++) {
          blockThreads[i].isStarted = blockThreads[i].hasEnded = false;
          blockThreads[i].meeting = NULL;
        }
        for (unsigned i = 0; i < threadCount / warpThreads; i++) warpMeetings[i] = {0, 0, warpThreads};
        liveCount = threadCount;
        isBackwards = !isBackwards;
        if (_setjmp(launcher) == 0) resume(isBackwards ? threadCount - 1 : 0);
        for (int i = 0; i < 64; i++)
          if (behind[i] != untouched) return 0;
      }
  return 1;
}
