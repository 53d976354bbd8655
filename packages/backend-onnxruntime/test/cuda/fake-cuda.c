// A driver whose device memory is host memory: operations happen at once, events are seen as late as asked for. It
// tests everything but the hardware: signatures, order, counting, what happens where a call fails, and the arithmetic of
// kernels, which run from their source (fake-kernels.cpp).
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef int Status;
enum { success = 0, invalidValue = 1, outOfMemory = 2, noDevice = 100, invalidHandle = 400, notReady = 600, illegalAddress = 700, notPermitted = 800 };

#define EXPORT __attribute__((visibility("default")))

// What a test sets and reads.
EXPORT int fakeDeviceCount = 1;
EXPORT int fakeLateQueries = 2;    // so often an event is not ready yet
EXPORT int fakeFailAllocation = 0; // the n-th allocation from now on fails; 0: none
EXPORT int fakeFailRegister = 0;   // whether host memory cannot be page-locked
EXPORT int64_t fakeDeviceBytes = 0;
EXPORT int64_t fakeHandles = 0;    // streams and events that live
EXPORT int64_t fakeModules = 0;    // modules that were loaded since the beginning
EXPORT int64_t fakeAwaitedCopies = 0; // copies before the event that a stream was last told to wait for, on that event's stream
EXPORT int64_t fakeRegistered = 0; // registered ranges of host memory
EXPORT int64_t fakeRefused = 0;    // ranges of host memory that could not be registered

EXPORT Status cuInit(unsigned flags) {
  const char* visible = getenv("CUDA_VISIBLE_DEVICES");
  if (visible != NULL && *visible == 0) return noDevice;
  return flags == 0 ? success : invalidValue;
}
EXPORT Status cuDriverGetVersion(int* version) { *version = 13000; return success; }
EXPORT Status cuDeviceGetCount(int* count) { *count = fakeDeviceCount; return success; }
EXPORT Status cuDeviceGet(int* device, int ordinal) { *device = ordinal; return success; }
EXPORT Status cuDeviceGetName(char* name, int length, int device) { (void)device; strncpy(name, "fake GPU", length); return success; }
EXPORT Status cuDeviceTotalMem_v2(size_t* bytes, int device) { (void)device; *bytes = (size_t)8 << 30; return success; }
EXPORT Status cuDevicePrimaryCtxRetain(void** context, int device) { (void)device; *context = (void*)64; return success; }
EXPORT Status cuDevicePrimaryCtxRelease_v2(int device) { (void)device; return success; }
EXPORT Status cuCtxSetCurrent(void* context) { return context == (void*)64 ? success : invalidValue; }
EXPORT Status cuMemGetInfo_v2(size_t* free, size_t* total) { *total = (size_t)8 << 30; *free = *total - fakeDeviceBytes; return success; }

// Behind every allocation lie bytes that nobody may write.
enum { guardBytes = 4096, guardByte = 0xa5 };

EXPORT Status cuMemAlloc_v2(uint64_t* address, size_t bytes) {
  if (fakeFailAllocation > 0 && --fakeFailAllocation == 0) return outOfMemory;
  if (bytes == 0) return invalidValue;
  if (bytes > (size_t)8 << 30) return outOfMemory;
  size_t* block = aligned_alloc(256, (bytes + 256 + guardBytes + 255) / 256 * 256);
  if (block == NULL) return outOfMemory;
  memset(block, 0xff, bytes + 256);
  memset((char*)block + 256 + bytes, guardByte, guardBytes);
  block[0] = bytes;
  fakeDeviceBytes += bytes;
  *address = (uint64_t)(uintptr_t)block + 256;
  return success;
}
EXPORT Status cuMemFree_v2(uint64_t address) {
  size_t* block = (size_t*)(uintptr_t)(address - 256);
  const unsigned char* guard = (unsigned char*)block + 256 + block[0];
  for (int i = 0; i < guardBytes; i++)
    if (guard[i] != guardByte) return illegalAddress;
  fakeDeviceBytes -= block[0];
  free(block);
  return success;
}
EXPORT Status cuMemsetD8Async(uint64_t address, unsigned char byte, size_t bytes, void* stream) {
  if (stream == NULL) return invalidHandle;
  memset((void*)(uintptr_t)address, byte, bytes);
  return success;
}
static Status copy(uint64_t target, uint64_t source, size_t bytes, void* stream) {
  if (stream == NULL) return invalidHandle;
  ++*(int64_t*)stream;
  memmove((void*)(uintptr_t)target, (void*)(uintptr_t)source, bytes);
  return success;
}
EXPORT Status cuMemcpyHtoDAsync_v2(uint64_t target, uint64_t source, size_t bytes, void* stream) { return copy(target, source, bytes, stream); }
EXPORT Status cuMemcpyDtoHAsync_v2(uint64_t target, uint64_t source, size_t bytes, void* stream) { return copy(target, source, bytes, stream); }
EXPORT Status cuMemcpyDtoDAsync_v2(uint64_t target, uint64_t source, size_t bytes, void* stream) { return copy(target, source, bytes, stream); }

// Page-locked ranges: a copy lies in one of them, or touches none.
typedef struct Locked { char *start, *end; struct Locked* next; } Locked;
static Locked* lockedRanges = NULL;
static pthread_mutex_t lockedMutex = PTHREAD_MUTEX_INITIALIZER;
EXPORT Status cuMemHostRegister_v2(void* address, size_t bytes, unsigned flags) {
  (void)flags;
  __atomic_add_fetch(fakeFailRegister ? &fakeRefused : &fakeRegistered, 1, __ATOMIC_SEQ_CST);
  if (fakeFailRegister) return notPermitted;
  if (address == NULL) return invalidValue;
  Locked* made = malloc(sizeof(Locked));
  pthread_mutex_lock(&lockedMutex);
  *made = (Locked){address, (char*)address + bytes, lockedRanges};
  lockedRanges = made;
  pthread_mutex_unlock(&lockedMutex);
  return success;
}
EXPORT Status cuMemHostUnregister(void* address) {
  __atomic_sub_fetch(&fakeRegistered, 1, __ATOMIC_SEQ_CST);
  pthread_mutex_lock(&lockedMutex);
  Locked** at = &lockedRanges;
  while (*at != NULL && (*at)->start != address) at = &(*at)->next;
  Locked* gone = *at;
  if (gone != NULL) *at = gone->next;
  pthread_mutex_unlock(&lockedMutex);
  free(gone);
  return gone ? success : invalidValue;
}
static int spansLocks(const char* start, size_t bytes) {
  int result = 0;
  pthread_mutex_lock(&lockedMutex);
  for (const Locked* range = lockedRanges; range != NULL; range = range->next)
    if (start < range->end && start + bytes > range->start && (start < range->start || start + bytes > range->end)) result = 1;
  pthread_mutex_unlock(&lockedMutex);
  return result;
}

typedef struct {
  size_t x, y; int type; const void* host; uint64_t device; void* array; size_t pitch;
} Side;
typedef struct { Side source, target; size_t width, height; } Rectangle;
static char* lineOf(const Side* side) {
  return side->type == 1 ? (char*)side->host : side->type == 2 ? (char*)(uintptr_t)side->device : NULL;
}
EXPORT Status cuMemcpy2DAsync_v2(const Rectangle* r, void* stream) {
  char *to = lineOf(&r->target), *from = lineOf(&r->source);
  if (stream == NULL || to == NULL || from == NULL) return invalidValue;
  if (r->width > r->target.pitch || r->width > r->source.pitch || r->height == 0) return invalidValue;
  if (r->target.type == 1 && spansLocks(to, (r->height - 1) * r->target.pitch + r->width)) return invalidValue;
  if (r->source.type == 1 && spansLocks(from, (r->height - 1) * r->source.pitch + r->width)) return invalidValue;
  for (size_t i = 0; i < r->height; i++) memcpy(to + i * r->target.pitch, from + i * r->source.pitch, r->width);
  return success;
}
EXPORT Status cuMemHostGetDevicePointer_v2(void** out, void* address, unsigned flags) {
  (void)flags;
  *out = address;
  return success;
}

typedef struct { int late; double atMs; int64_t copies; } Event;
EXPORT Status cuStreamCreate(void** stream, unsigned flags) { (void)flags; *stream = calloc(1, 16); fakeHandles++; return success; }
EXPORT Status cuStreamDestroy_v2(void* stream) { free(stream); fakeHandles--; return success; }
EXPORT Status cuStreamSynchronize(void* stream) { return stream ? success : invalidHandle; }
EXPORT Status cuStreamWaitEvent(void* stream, Event* event, unsigned flags) {
  (void)flags;
  if (stream == NULL || event == NULL) return invalidHandle;
  fakeAwaitedCopies = event->copies;
  return success;
}
EXPORT Status cuEventCreate(void** event, unsigned flags) { (void)flags; *event = calloc(1, sizeof(Event)); fakeHandles++; return success; }
EXPORT Status cuEventDestroy_v2(void* event) { free(event); fakeHandles--; return success; }
EXPORT Status cuEventRecord(Event* event, void* stream) {
  static double now = 0;
  if (stream == NULL) return invalidHandle;
  event->late = fakeLateQueries;
  event->atMs = now += 0.01;
  event->copies = *(int64_t*)stream;
  return success;
}
EXPORT Status cuEventQuery(Event* event) { return event->late-- > 0 ? notReady : success; }
EXPORT Status cuEventSynchronize(Event* event) { event->late = 0; return success; }
EXPORT Status cuEventElapsedTime(float* ms, Event* start, Event* end) { *ms = (float)(end->atMs - start->atMs); return success; }

// Kernels are those of native/*.cu, compiled beside this file; their names and the sizes of their parameters are held
// against the PTX that ships.
int fakeRunKernel(void* function, const void* parameters, const unsigned* grid, unsigned threads, unsigned sharedBytes);

typedef struct Function { void* code; size_t parameterBytes; int sharedBytes; struct Function* next; } Function;
typedef struct Module { char* image; Function* functions; } Module;
enum { plainSharedBytes = 48 * 1024, mostSharedBytes = 227 * 1024, mostParameterBytes = 256 };

EXPORT Status cuModuleLoadData(Module** module, const char* image) {
  if (strstr(image, ".version") == NULL) return invalidValue;
  *module = calloc(1, sizeof(Module));
  (*module)->image = strdup(image);
  fakeHandles++;
  fakeModules++;
  return success;
}
EXPORT Status cuModuleUnload(Module* module) {
  for (Function *f = module->functions, *next; f != NULL; f = next) next = f->next, free(f);
  free(module->image);
  free(module);
  fakeHandles--;
  return success;
}
EXPORT Status cuModuleGetFunction(Function** function, Module* module, const char* name) {
  static void* self;
  Dl_info info;
  if (self == NULL && dladdr((void*)cuInit, &info)) self = dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD);
  char text[160];
  snprintf(text, sizeof text, "%s_bytes", name);
  size_t (*bytes)(void) = (size_t (*)(void))dlsym(self, text);
  snprintf(text, sizeof text, ".entry %s(", name);
  const char* entry = strstr(module->image, text);
  if (bytes == NULL || entry == NULL) return invalidHandle;
  snprintf(text, sizeof text, ".b8 %s_param_0[%zu]\n)", name, bytes());
  if (strstr(entry, text) == NULL || bytes() > mostParameterBytes) return invalidHandle;
  Function* made = calloc(1, sizeof(Function));
  *made = (Function){dlsym(self, name), bytes(), plainSharedBytes, module->functions};
  *function = module->functions = made;
  return success;
}
EXPORT Status cuFuncSetAttribute(Function* function, int attribute, int value) {
  if (attribute != 8 || value > mostSharedBytes) return invalidValue;
  function->sharedBytes = value;
  return success;
}
EXPORT Status cuLaunchKernel(Function* function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                             unsigned blockY, unsigned blockZ, unsigned sharedBytes, void* stream, void** parameters,
                             void** extra) {
  if (stream == NULL || extra != NULL || blockX != 256 || blockY != 1 || blockZ != 1) return invalidValue;
  if (gridX == 0 || gridY == 0 || gridZ == 0 || gridY > 65535 || gridZ > 65535) return invalidValue;
  if ((int)sharedBytes > function->sharedBytes) return invalidValue;
  char given[mostParameterBytes];
  memcpy(given, parameters[0], function->parameterBytes);
  const unsigned grid[] = {gridX, gridY, gridZ};
  return fakeRunKernel(function->code, given, grid, blockX, sharedBytes) ? success : illegalAddress;
}

EXPORT Status cuGetErrorName(int status, const char** name) {
  *name = status == outOfMemory ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_INVALID_VALUE";
  return success;
}
EXPORT Status cuGetErrorString(int status, const char** text) {
  *text = status == outOfMemory ? "out of memory" : "invalid argument";
  return success;
}
