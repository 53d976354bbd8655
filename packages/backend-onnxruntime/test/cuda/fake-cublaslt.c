// The part of cuBLASLt that the package calls, in plain C: it multiplies in double and checks what it is given, so that a
// wrong size, type or attribute is seen without a GPU.
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef int Status;
enum { success = 0, notInitialized = 1, invalidValue = 7, notSupported = 15 };
enum { float32 = 0, float16 = 2, bfloat16 = 14, computeFloat32 = 68 };

#define EXPORT __attribute__((visibility("default")))

EXPORT int64_t fakeProductHandles = 0; // handles, layouts and descriptions that live
EXPORT int fakeFailProduct = 0; // status of the next choice of an algorithm; 0: it succeeds

typedef struct { int type; uint64_t rows, columns; int64_t leading; } Layout;
typedef struct { int transposeA, epilogue; uint64_t bias; } Description;
typedef struct { uint64_t workspaceBytes; uint32_t reductions, alignments[4]; } Preference;
// cublasLtMatmulHeuristicResult_t
typedef struct { uint64_t algorithm[8]; size_t workspaceBytes; int state; float waves; int reserved[4]; } Choice;

static const uint64_t algorithmMark = 0x464c455847454eull;

static void* make(size_t bytes) { fakeProductHandles++; return calloc(1, bytes); }
static Status drop(void* made) { fakeProductHandles--; free(made); return success; }

EXPORT const char* cublasLtGetStatusString(int status) {
  return status == notSupported ? "CUBLAS_STATUS_NOT_SUPPORTED" : status == notInitialized ? "CUBLAS_STATUS_NOT_INITIALIZED" : "CUBLAS_STATUS_INVALID_VALUE";
}
EXPORT Status cublasLtCreate(void** handle) { *handle = make(8); return success; }
EXPORT Status cublasLtDestroy(void* handle) { return drop(handle); }
EXPORT Status cublasLtMatrixLayoutCreate(Layout** layout, int type, uint64_t rows, uint64_t columns, int64_t leading) {
  if ((type != float32 && type != float16 && type != bfloat16) || leading < (int64_t)rows || rows * columns == 0) return invalidValue;
  *layout = make(sizeof(Layout));
  **layout = (Layout){type, rows, columns, leading};
  return success;
}
EXPORT Status cublasLtMatrixLayoutDestroy(void* layout) { return drop(layout); }
EXPORT Status cublasLtMatmulDescCreate(Description** description, int computeType, int scaleType) {
  if (computeType != computeFloat32 || scaleType != float32) return notSupported;
  *description = make(sizeof(Description));
  (*description)->epilogue = 1;
  return success;
}
EXPORT Status cublasLtMatmulDescSetAttribute(Description* d, int attribute, const void* value, size_t bytes) {
  void* field = attribute == 3 ? (void*)&d->transposeA : attribute == 7 ? (void*)&d->epilogue : attribute == 8 ? (void*)&d->bias : NULL;
  if (field == NULL || bytes != (attribute == 8 ? 8 : 4)) return invalidValue;
  memcpy(field, value, bytes);
  return success;
}
EXPORT Status cublasLtMatmulDescDestroy(void* description) { return drop(description); }
EXPORT Status cublasLtMatmulPreferenceCreate(Preference** preference) { *preference = make(sizeof(Preference)); return success; }
EXPORT Status cublasLtMatmulPreferenceSetAttribute(Preference* p, int attribute, const void* value, size_t bytes) {
  void* field = attribute == 1 ? (void*)&p->workspaceBytes : attribute == 3 ? (void*)&p->reductions
    : attribute >= 5 && attribute <= 8 ? (void*)&p->alignments[attribute - 5] : NULL;
  if (field == NULL || bytes != (attribute == 1 ? 8 : 4)) return invalidValue;
  memcpy(field, value, bytes);
  return success;
}
EXPORT Status cublasLtMatmulPreferenceDestroy(void* preference) { return drop(preference); }

static int fits(const Description* d, const Layout* a, const Layout* b, const Layout* c, const Layout* y) {
  const uint64_t width = d->transposeA ? a->columns : a->rows, inner = d->transposeA ? a->rows : a->columns;
  const int sameTypes = a->type == b->type && b->type == c->type && c->type == y->type;
  return sameTypes && b->rows == inner && y->rows == width && y->columns == b->columns && c->rows == y->rows && c->columns == y->columns;
}
EXPORT Status cublasLtMatmulAlgoGetHeuristic(void* handle, const Description* d, const Layout* a, const Layout* b, const Layout* c,
                                             const Layout* y, const Preference* p, int most, Choice* choices, int* found) {
  const Status status = fakeFailProduct;
  fakeFailProduct = 0;
  if (status != success) return status;
  if (handle == NULL || most != 1 || !fits(d, a, b, c, y) || p->alignments[0] != 16) return invalidValue;
  if ((d->epilogue & 4) && d->bias == 0) return invalidValue;
  memset(choices, 0, sizeof(Choice));
  choices->algorithm[0] = algorithmMark;
  choices->workspaceBytes = p->workspaceBytes;
  *found = 1;
  return success;
}

static float floatOfBits(uint32_t bits) { float value; memcpy(&value, &bits, 4); return value; }
static double get(const void* data, int type, size_t i) {
  if (type == float32) return ((const float*)data)[i];
  if (type == float16) return (double)((const _Float16*)data)[i];
  return floatOfBits((uint32_t)((const uint16_t*)data)[i] << 16);
}
static void put(void* data, int type, size_t i, double value) {
  if (type == float32) ((float*)data)[i] = (float)value;
  else if (type == float16) ((_Float16*)data)[i] = (_Float16)value;
  else {
    const float narrow = (float)value;
    uint32_t bits;
    memcpy(&bits, &narrow, 4);
    ((uint16_t*)data)[i] = (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
  }
}

EXPORT Status cublasLtMatmul(void* handle, const Description* d, const float* alpha, const void* a, const Layout* la, const void* b,
                             const Layout* lb, const float* beta, const void* c, const Layout* lc, void* y, const Layout* ly,
                             const uint64_t* algorithm, char* workspace, size_t workspaceBytes, void* stream) {
  if (handle == NULL || stream == NULL || algorithm[0] != algorithmMark || !fits(d, la, lb, lc, ly)) return invalidValue;
  const uintptr_t addresses[] = {(uintptr_t)a, (uintptr_t)b, (uintptr_t)c, (uintptr_t)y, (d->epilogue & 4) ? d->bias : 0};
  for (int i = 0; i < 5; i++)
    if (addresses[i] % 16 != 0) return invalidValue;
  // What it was promised may be written.
  memset(workspace, 0xff, workspaceBytes);
  const uint64_t inner = lb->rows;
  for (uint64_t column = 0; column < ly->columns; column++)
    for (uint64_t row = 0; row < ly->rows; row++) {
      double sum = 0;
      for (uint64_t k = 0; k < inner; k++) {
        const uint64_t at = d->transposeA ? row * la->leading + k : k * la->leading + row;
        sum += get(a, la->type, at) * get(b, lb->type, column * lb->leading + k);
      }
      sum *= *alpha;
      if (*beta != 0) sum += *beta * get(c, lc->type, column * lc->leading + row);
      if (d->epilogue & 4) sum += get((const void*)d->bias, ly->type, row);
      if (d->epilogue & 2) sum = fmax(sum, 0);
      put(y, ly->type, column * ly->leading + row, sum);
    }
  return success;
}
