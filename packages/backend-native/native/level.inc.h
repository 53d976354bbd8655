// All kernels of one level; included behind its vector operations and the macro LEVEL.
#define FX_PASTE2(a, b) a##_##b
#define FX_PASTE(a, b) FX_PASTE2(a, b)
#define FX(name) FX_PASTE(name, LEVEL)
#define FX_TEXT2(a) #a
#define FX_TEXT(a) FX_TEXT2(a)

#ifndef FX_HAS_BF16
#define FX_HAS_BF16 0
#endif
#ifndef FX_HAS_AMX
#define FX_HAS_AMX 0
#endif
#ifndef FX_HAS_VNNI
#define FX_HAS_VNNI 0
#endif

// Value i of an array of a dtype that the compiler knows.
FX_INLINE vf v_get(const void *p, size_t i, int dtype) {
  const char *at = (const char *)p + fx_bytes(dtype, i);
  return dtype == FX_F32 ? v_load(at) : dtype == FX_F16 ? v_load_f16(at) : v_load_bf16(at);
}
FX_INLINE vf v_get_n(const void *p, size_t i, size_t n, int dtype) {
  const char *at = (const char *)p + fx_bytes(dtype, i);
  return dtype == FX_F32 ? v_load_n(at, n) : dtype == FX_F16 ? v_load_f16_n(at, n) : v_load_bf16_n(at, n);
}
FX_INLINE void v_put(void *p, size_t i, vf a, int dtype) {
  char *at = (char *)p + fx_bytes(dtype, i);
  if (dtype == FX_F32) v_store(at, a);
  else if (dtype == FX_F16) v_store_f16(at, a);
  else v_store_bf16(at, a);
}
FX_INLINE void v_put_n(void *p, size_t i, vf a, size_t n, int dtype) {
  char *at = (char *)p + fx_bytes(dtype, i);
  if (dtype == FX_F32) v_store_n(at, a, n);
  else if (dtype == FX_F16) v_store_f16_n(at, a, n);
  else v_store_bf16_n(at, a, n);
}

#include "kernels/math.inc.h"
#include "kernels/read-ahead.inc.h"
#include "kernels/groups.inc.h"
#if FX_HAS_VNNI
#include "kernels/groups-vnni.inc.h"
#endif
#include "kernels/rows.inc.h"
#include "kernels/groups-columns.inc.h"
#include "kernels/linear-rows.inc.h"
#include "kernels/linear-block.inc.h"
#include "kernels/measure.inc.h"

#include "kernels/attend-groups.inc.h"
#include "kernels/attend-part.inc.h"
#include "kernels/attend-block.inc.h"

const fx_level FX(fx) = {
  .name = FX_LEVEL_NAME,
  .row_multiple = FX_ROWS,
  .linear_most_rows = linear_most_rows,
  .column_multiple = NV * VW,
  .is_finite = is_finite,
  .linear_takes = linear_takes,
  .spread = spread,
  .linear_rows = linear_rows,
  .linear_block = linear_block,
  .linear_rows_scratch = linear_rows_scratch,
  .linear_block_scratch = linear_block_scratch,
  .measure_multiply = measure_multiply,
  .measure_read = measure_read,
  .to_f32 = to_f32,
  .from_f32 = from_f32,
  .add = add_values,
  .mul = mul_values,
  .activate = activate,
  .layer_norm = layer_norm,
  .rms_norm = rms_norm,
  .softmax = softmax,
  .arg_max = arg_max,
  .attend_part = attend_part,
  .attend_sparse = attend_sparse,
  .attend_join = attend_join,
  .attend_block = attend_block,
  .attend_scratch = attend_scratch,
};
