import { describe, it } from 'vitest'
import { testModels } from './models.ts'
import { createFakeBackend } from './fake-backend.ts'

testModels({
  describe,
  it,
  createBackend: createFakeBackend,
  dtypes: ['float32', 'float16'],
  fixtures: ['pre-norm', 'post-norm', 'float16'],
  compressed: [
    ['four-bit', 'flexgen'],
    ['head-dim-80', 'inputs'],
  ],
  policies: { float16: 5, bfloat16: 5, float32: 5 },
})
