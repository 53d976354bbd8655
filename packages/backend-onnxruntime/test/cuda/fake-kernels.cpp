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
struct Fiber {
  jmp_buf place;
  bool isStarted, hasEnded;
  // What it waits for, and the round in which it began to.
  const Meeting* meeting;
  unsigned round;
  void* stack;
};
static Fiber fibers[mostThreads];
static unsigned current, liveCount;
static Meeting blockMeeting, warpMeetings[mostThreads / warpThreads];
static uint32_t exchanged[mostThreads / warpThreads][2][warpThreads];
static jmp_buf launcher;
static ucontext_t first;

static void nextTurn();

static void leave(Meeting* meeting) {
  meeting->members--;
  if (meeting->members > 0 && meeting->present == meeting->members) {
    meeting->present = 0;
    meeting->round++;
  }
}

/** A fiber serves one thread after the other: making it anew for each would cost more than most kernels. */
static void serve() {
  for (;;) {
    body(parameters);
    fibers[current].hasEnded = true;
    leave(&blockMeeting);
    leave(&warpMeetings[current / warpThreads]);
    liveCount--;
    if (_setjmp(fibers[current].place) == 0) nextTurn();
  }
}

/** Goes on with a thread; never returns. */
static void resume(unsigned index) {
  Fiber& fiber = fibers[index];
  current = index;
  threadIdx.x = index;
  if (fiber.isStarted) _longjmp(fiber.place, 1);
  fiber.isStarted = true;
  fiber.stack = malloc(stackBytes);
  ucontext_t context;
  getcontext(&context);
  context.uc_stack.ss_sp = fiber.stack;
  context.uc_stack.ss_size = stackBytes;
  context.uc_link = NULL;
  makecontext(&context, serve, 0);
  setcontext(&context);
}

/** Goes on with the next thread that waits for nothing: of this warp if there is one. */
static void nextTurn() {
  if (liveCount == 0) _longjmp(launcher, 1);
  const unsigned warp = current / warpThreads * warpThreads;
  for (unsigned i = 1; i <= warpThreads; i++) {
    const unsigned index = warp + (current + i) % warpThreads;
    const Fiber& fiber = fibers[index];
    if (!fiber.hasEnded && (fiber.meeting == NULL || fiber.round != fiber.meeting->round)) resume(index);
  }
  for (unsigned i = warpThreads; i < blockDim.x; i++) {
    const unsigned index = (warp + i) % blockDim.x;
    const Fiber& fiber = fibers[index];
    if (!fiber.hasEnded && (fiber.meeting == NULL || fiber.round != fiber.meeting->round)) resume(index);
  }
  // Threads wait at different places: on a device they would hang.
  abort();
}

static void meet(Meeting* meeting) {
  if (++meeting->present == meeting->members) {
    meeting->present = 0;
    meeting->round++;
    return;
  }
  Fiber& fiber = fibers[current];
  fiber.meeting = meeting;
  fiber.round = meeting->round;
  if (_setjmp(fiber.place) == 0) nextTurn();
  fiber.meeting = NULL;
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
          fibers[i].hasEnded = false;
          fibers[i].meeting = NULL;
        }
        for (unsigned i = 0; i < threadCount / warpThreads; i++) warpMeetings[i] = {0, 0, warpThreads};
        liveCount = threadCount;
        if (_setjmp(launcher) == 0) resume(0);
        for (int i = 0; i < 64; i++)
          if (behind[i] != untouched) return 0;
      }
  return 1;
}
