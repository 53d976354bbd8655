// A driver whose device memory is host memory: operations happen at once, events are seen as late as asked for. It
// tests everything but the hardware: signatures, order, counting, and what happens where a call fails.
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef int Status;
enum { success = 0, invalidValue = 1, outOfMemory = 2, noDevice = 100, invalidHandle = 400, notReady = 600, notPermitted = 800 };

#define EXPORT __attribute__((visibility("default")))

// What a test sets and reads.
EXPORT int fakeDeviceCount = 1;
EXPORT int fakeLateQueries = 2;    // so often an event is not ready yet
EXPORT int fakeFailAllocation = 0; // the n-th allocation from now on fails; 0: none
EXPORT int fakeFailRegister = 0;   // whether host memory cannot be page-locked
EXPORT int64_t fakeDeviceBytes = 0;
EXPORT int64_t fakeHandles = 0;    // streams and events that live
EXPORT int64_t fakeRegistered = 0; // registered ranges of host memory

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

EXPORT Status cuMemAlloc_v2(uint64_t* address, size_t bytes) {
  if (fakeFailAllocation > 0 && --fakeFailAllocation == 0) return outOfMemory;
  if (bytes == 0) return invalidValue;
  if (bytes > (size_t)8 << 30) return outOfMemory;
  size_t* block = aligned_alloc(256, (bytes + 256 + 255) / 256 * 256);
  if (block == NULL) return outOfMemory;
  memset(block, 0xff, bytes + 256);
  block[0] = bytes;
  fakeDeviceBytes += bytes;
  *address = (uint64_t)(uintptr_t)block + 256;
  return success;
}
EXPORT Status cuMemFree_v2(uint64_t address) {
  size_t* block = (size_t*)(uintptr_t)(address - 256);
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
  memmove((void*)(uintptr_t)target, (void*)(uintptr_t)source, bytes);
  return success;
}
EXPORT Status cuMemcpyHtoDAsync_v2(uint64_t target, uint64_t source, size_t bytes, void* stream) { return copy(target, source, bytes, stream); }
EXPORT Status cuMemcpyDtoHAsync_v2(uint64_t target, uint64_t source, size_t bytes, void* stream) { return copy(target, source, bytes, stream); }
EXPORT Status cuMemcpyDtoDAsync_v2(uint64_t target, uint64_t source, size_t bytes, void* stream) { return copy(target, source, bytes, stream); }

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
  if (r->width > r->target.pitch || r->width > r->source.pitch) return invalidValue;
  for (size_t i = 0; i < r->height; i++) memcpy(to + i * r->target.pitch, from + i * r->source.pitch, r->width);
  return success;
}
EXPORT Status cuMemHostRegister_v2(void* address, size_t bytes, unsigned flags) {
  (void)bytes, (void)flags;
  if (fakeFailRegister) return notPermitted;
  fakeRegistered++;
  return address ? success : invalidValue;
}
EXPORT Status cuMemHostUnregister(void* address) { fakeRegistered--; return address ? success : invalidValue; }

typedef struct { int late; double atMs; } Event;
EXPORT Status cuStreamCreate(void** stream, unsigned flags) { (void)flags; *stream = malloc(16); fakeHandles++; return success; }
EXPORT Status cuStreamDestroy_v2(void* stream) { free(stream); fakeHandles--; return success; }
EXPORT Status cuStreamSynchronize(void* stream) { return stream ? success : invalidHandle; }
EXPORT Status cuStreamWaitEvent(void* stream, void* event, unsigned flags) { (void)flags; return stream && event ? success : invalidHandle; }
EXPORT Status cuEventCreate(void** event, unsigned flags) { (void)flags; *event = calloc(1, sizeof(Event)); fakeHandles++; return success; }
EXPORT Status cuEventDestroy_v2(void* event) { free(event); fakeHandles--; return success; }
EXPORT Status cuEventRecord(Event* event, void* stream) {
  static double now = 0;
  if (stream == NULL) return invalidHandle;
  event->late = fakeLateQueries;
  event->atMs = now += 0.01;
  return success;
}
EXPORT Status cuEventQuery(Event* event) { return event->late-- > 0 ? notReady : success; }
EXPORT Status cuEventSynchronize(Event* event) { event->late = 0; return success; }
EXPORT Status cuEventElapsedTime(float* ms, Event* start, Event* end) { *ms = (float)(end->atMs - start->atMs); return success; }

typedef struct { int appends, type, cacheType; } Function;

static float get(uint64_t address, size_t i, int type) {
  if (type == 0) return ((float*)(uintptr_t)address)[i];
  if (type == 1) return (float)((_Float16*)(uintptr_t)address)[i];
  uint32_t bits = (uint32_t)((uint16_t*)(uintptr_t)address)[i] << 16;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}
static void put(uint64_t address, size_t i, int type, float value) {
  if (type == 0) ((float*)(uintptr_t)address)[i] = value;
  else if (type == 1) ((_Float16*)(uintptr_t)address)[i] = (_Float16)value;
  else {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    ((uint16_t*)(uintptr_t)address)[i] = (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
  }
}

EXPORT Status cuModuleLoadData(void** module, const char* image) { *module = (void*)128; return strstr(image, ".version") ? success : invalidValue; }
EXPORT Status cuModuleUnload(void* module) { return module == (void*)128 ? success : invalidHandle; }
EXPORT Status cuFuncSetAttribute(void* function, int attribute, int value) { (void)value; return function && attribute == 8 ? success : invalidValue; }
EXPORT Status cuModuleGetFunction(void** function, void* module, const char* name) {
  if (module != (void*)128) return invalidHandle;
  static Function functions[18];
  for (int i = 0; i < 18; i++) {
    char wanted[64] = "";
    const char* types[] = {"float32", "float16", "bfloat16"};
    strcat(strcat(strcat(strcat(wanted, i % 2 ? "append_" : "attend_"), types[i / 2 % 3]), "_"), types[i / 6]);
    if (strcmp(name, wanted) != 0) continue;
    functions[i] = (Function){i % 2, i / 2 % 3, i / 6};
    *function = &functions[i];
    return success;
  }
  return invalidHandle;
}

typedef struct { uint64_t keys, values; int start, count, keep, unused; } Row;
typedef struct {
  uint64_t q, k, v, y, rows; int batch, seq, heads, kvHeads, headDim, maxPositions; float scale; int unused;
} Parameters;

static void append(const Function* f, const Parameters* p, int b, int token) {
  const Row* row = (const Row*)(uintptr_t)p->rows + b;
  if (token >= row->count) return;
  for (int head = 0; head < p->kvHeads; head++)
    for (int d = 0; d < p->headDim; d++) {
      size_t from = (((size_t)b * p->seq + token) * p->kvHeads + head) * p->headDim + d;
      size_t to = ((size_t)head * p->maxPositions + row->start + token) * p->headDim + d;
      put(row->keys, to, f->cacheType, get(p->k, from, f->type));
      put(row->values, to, f->cacheType, get(p->v, from, f->type));
    }
}
static void attend(const Function* f, const Parameters* p, int b, int token, int head) {
  const Row* row = (const Row*)(uintptr_t)p->rows + b;
  size_t at = (((size_t)b * p->seq + token) * p->heads + head) * p->headDim;
  for (int d = 0; d < p->headDim; d++) put(p->y, at + d, f->type, 0);
  if (token >= row->count) return;
  size_t first = (size_t)(head * p->kvHeads / p->heads) * p->maxPositions * p->headDim;
  int length = row->start + token + 1;
  double* weights = malloc(length * sizeof(double));
  double most = -INFINITY, total = 0;
  for (int i = 0; i < length; i++) {
    weights[i] = 0;
    for (int d = 0; d < p->headDim; d++) weights[i] += (double)get(p->q, at + d, f->type) * get(row->keys, first + (size_t)i * p->headDim + d, f->cacheType) * p->scale;
    if (weights[i] > most) most = weights[i];
  }
  for (int i = 0; i < length; i++) total += weights[i] = exp(weights[i] - most);
  int past = length - 1;
  for (int dropped = 0; row->keep >= 0 && dropped < past - row->keep; dropped++) {
    int least = -1;
    for (int i = 0; i < past; i++)
      if (weights[i] >= 0 && (least < 0 || weights[i] <= weights[least])) least = i;
    weights[least] = -1;
  }
  for (int d = 0; d < p->headDim; d++) {
    double sum = 0;
    for (int i = 0; i < length; i++)
      if (weights[i] > 0) sum += weights[i] / total * get(row->values, first + (size_t)i * p->headDim + d, f->cacheType);
    put(p->y, at + d, f->type, (float)sum);
  }
  free(weights);
}
EXPORT Status cuLaunchKernel(void* function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                             unsigned blockY, unsigned blockZ, unsigned sharedBytes, void* stream, void** parameters,
                             void** extra) {
  (void)blockY, (void)blockZ, (void)sharedBytes;
  if (stream == NULL || extra != NULL || blockX != 256) return invalidValue;
  const Parameters* p = parameters[0];
  for (unsigned z = 0; z < gridZ; z++)
    for (unsigned y = 0; y < gridY; y++)
      for (unsigned x = 0; x < gridX; x++) {
        if (((Function*)function)->appends) append(function, p, y, x);
        else attend(function, p, z, y, x);
      }
  return success;
}

EXPORT Status cuGetErrorName(int status, const char** name) {
  *name = status == outOfMemory ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_INVALID_VALUE";
  return success;
}
EXPORT Status cuGetErrorString(int status, const char** text) {
  *text = status == outOfMemory ? "out of memory" : "invalid argument";
  return success;
}
