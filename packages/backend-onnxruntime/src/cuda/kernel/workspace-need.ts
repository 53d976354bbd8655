import { tensorBytes } from '@flexgen/spec'
import type { WorkspaceNeed } from '../../memory/memory-ledger.ts'
import { tensorTypes } from '../../onnx/tensor-type.ts'
import { arenaSettings } from '../../sessions/arena-configuration.ts'
import { resultBytes } from '../graph/cuda-model.ts'
import { attentionRowBytes } from './attention-kernels.ts'
import { scratchBytes } from './compute-scratch.ts'
import type { CudaProgram } from './cuda-program.ts'
import { alignScratch, runAlignment } from './scratch-layout.ts'
import { runKey, stepLayout, type StepRun } from './step-scratch.ts'

/** Upper estimate of the workspace of a run: scratch of our own, and what ONNX Runtime allocates. */
export function workspaceOf(program: CudaProgram, run: StepRun): WorkspaceNeed {
  return program.needs.get(runKey(run), () => needOf(program, run))
}

function needOf(program: CudaProgram, run: StepRun): WorkspaceNeed {
  const shapes = program.shapesOf(run)
  const { inputs } = program.info.graph
  // Products and our own kernels take nothing from the arena.
  const plans = run.isFused ? program.fusedPlan! : program.plan
  const nodes = plans.filter(({ kind }) => kind === 'dense' || kind === 'attention').flatMap((plan) => plan.nodes)
  const readsTokens = !run.isFused && program.promptForm === 'tokens'
  const casts = inputs.reduce((sum, { name, role }) => {
    const { type, count } = program.info.values.get(name)!
    return role === 'weight' && type !== program.compute ? sum + count * tensorTypes[program.compute].bytes : sum
  }, 0)
  const between = stepLayout(program, run).byteLength
  const uploads = alignScratch(run.batch * (attentionRowBytes * program.attentions.length + 4))
  return {
    scratchBytes: scratchBytes(between + uploads + misalignedBytes(program, shapes)),
    arenaBytes: withTail(resultBytes(nodes, shapes, program.compute, readsTokens) + casts),
  }
}

/**
 * Bytes of one free piece of the arena that certainly serves requests of a sum: what is left of a piece is handed out
 * whole where it is less than twice what is asked for, and no more than `max_dead_bytes_per_chunk` above that.
 */
function withTail(sumBytes: number): number {
  const sizeBytes = sumBytes + Math.min(sumBytes, arenaSettings.max_dead_bytes_per_chunk)
  return alignScratch(sizeBytes)
}

/**
 * Room for copies of what may lie at odd addresses: weights, but for large matrices, and results whose lines may start
 * there, such as ids or logits of an odd vocabulary.
 */
function misalignedBytes(
  { info: { graph, values } }: CudaProgram,
  shapes: ReadonlyMap<string, readonly number[]>,
): number {
  const inputs = graph.inputs.map(({ name }) => tensorBytes(values.get(name)!.dtype, values.get(name)!.declared))
  const outputs = graph.outputs.flatMap(({ name }) => {
    const { dtype } = values.get(name)!
    const shape = shapes.get(name)!
    const isAligned = tensorBytes(dtype, shape.slice(2)) % runAlignment === 0
    return isAligned ? [] : [tensorBytes(dtype, shape)]
  })
  return [...inputs.filter((bytes) => bytes <= mostMisalignedBytes), ...outputs].reduce(
    (sum, bytes) => sum + alignScratch(bytes),
    0,
  )
}

const mostMisalignedBytes = 64 * 1024
