import { elementCount } from '@flexgen/spec'
import { flatShape } from '../../graphs/graph-info.ts'
import { tensorTypes } from '../../onnx/tensor-type.ts'
import { arenaSettings } from '../../sessions/arena-configuration.ts'
import type { CudaContext } from '../cuda-context.ts'
import type { CudaHandle } from '../driver/cuda-functions.ts'
import { inputNames, resultBytes } from '../graph/cuda-model.ts'
import type { AddressedTensor } from '../session/cuda-session.ts'
import { attentionRowBytes, writeAttentionRow } from './attention-kernels.ts'
import { scratchBytes, type Upload } from './compute-scratch.ts'
import type { CudaBinding } from './cuda-binding.ts'
import type { CudaPart, CudaProgram } from './cuda-program.ts'
import type { CudaRunPlan } from './plan-cuda-run.ts'
import type { RunFacts } from './run-facts.ts'

/** Kernels read vectors of values: what lies at another address is copied first. */
const alignment = 16n
const pieceAlignment = 256

/** A run that is about to be issued. */
export interface CudaRun {
  readonly program: CudaProgram
  readonly binding: CudaBinding
  readonly plan: CudaRunPlan
  readonly facts: RunFacts
  /** Whether the fused form serves it. */
  readonly isFused: boolean
}

/**
 * Upper estimate of the workspace of a run: scratch of our own, and what ONNX Runtime allocates.
 * @param isFused whether it is known that the fused form serves the run
 */
export function workspaceOf(
  program: CudaProgram,
  sizes: { readonly batch: number; readonly seq: number },
  isFused = false,
): { scratchBytes: number; arenaBytes: number } {
  const shapes = program.shapesOf(sizes)
  const { nodes, inputs } = program.info.graph
  const casts = inputs.reduce((sum, { name, role }) => {
    const { type, count } = program.info.values.get(name)!
    return role === 'weight' && type !== program.compute ? sum + count * tensorTypes[program.compute].bytes : sum
  }, 0)
  const between = isFused ? 0 : betweenBytes(program, shapes)
  const uploads = sizes.batch * (attentionRowBytes + 4) + 4 * pieceAlignment
  return {
    scratchBytes: scratchBytes(between + uploads + misalignedBytes(program)),
    arenaBytes: withTail(resultBytes(nodes, shapes, program.compute) + casts),
  }
}

/**
 * Bytes of one free piece of the arena that certainly serves requests of a sum: what is left of a piece is handed out
 * whole where it is less than twice what is asked for, and no more than `max_dead_bytes_per_chunk` above that.
 */
function withTail(sumBytes: number): number {
  const sizeBytes = sumBytes + Math.min(sumBytes, arenaSettings.max_dead_bytes_per_chunk)
  return Math.ceil(sizeBytes / pieceAlignment) * pieceAlignment
}

/** Issues a run to the compute stream; gives the upload that must stay until it has ended. */
export function issueRun(run: CudaRun, context: CudaContext, stream: CudaHandle): Upload | undefined {
  return new Issue(run, context, stream).issue()
}

class Issue {
  readonly #run: CudaRun
  readonly #context: CudaContext
  readonly #stream: CudaHandle
  readonly #tensors = new Map<string, AddressedTensor>()
  readonly #pieces = new Map<string, number>()
  #scratchBytes = 0
  #scratch = 0n
  #words = 0

  constructor(run: CudaRun, context: CudaContext, stream: CudaHandle) {
    this.#run = run
    this.#context = context
    this.#stream = stream
  }

  issue(): Upload | undefined {
    const { program, plan, isFused, facts } = this.#run
    const misaligned = [...plan.values].filter(([, { tensor }]) => tensor.address % alignment !== 0n)
    for (const [name, { byteLength }] of misaligned) this.#place(`copy ${name}`, byteLength)
    if (!isFused) this.#placeSteps()
    const rowBytes = isFused ? 0 : facts.rows.length * attentionRowBytes * program.attentions.length
    const lastBytes = facts.lastRows?.byteLength ?? 0
    this.#place('upload', rowBytes + lastBytes)
    this.#scratch = this.#scratchBytes === 0 ? 0n : this.#context.scratch.take(this.#scratchBytes)

    const { call } = this.#context.device.driver
    const outputs = new Set(program.info.graph.outputs.map(({ name }) => name))
    for (const [name, { tensor, byteLength }] of misaligned) {
      const address = this.#at(`copy ${name}`)
      this.#tensors.set(name, { ...tensor, address })
      if (!outputs.has(name)) call.copy(address, tensor.address, byteLength, this.#stream)
    }
    const upload = this.#upload(rowBytes, lastBytes)
    if (isFused) this.#runPart(program.fused!)
    else this.#runSteps(rowBytes)
    for (const [name, { tensor, byteLength }] of misaligned)
      if (outputs.has(name)) call.copy(tensor.address, this.#at(`copy ${name}`), byteLength, this.#stream)
    for (const name of outputs) plan.values.get(name)!.lent.owner.shadow?.forget()
    return upload
  }

  /** Room for what passes between steps. */
  #placeSteps(): void {
    const { program, plan } = this.#run
    for (const step of program.steps!) {
      const names = step.kind === 'dense' ? step.part.model.outputs : step.node.outputs
      for (const name of names) {
        if (plan.values.has(name)) continue
        const { type } = program.info.values.get(name)!
        this.#place(name, elementCount(plan.shapes.get(name)!) * tensorTypes[type].bytes)
      }
    }
  }

  #place(name: string, byteLength: number): void {
    if (byteLength === 0) return
    this.#pieces.set(name, this.#scratchBytes)
    this.#scratchBytes += Math.ceil(byteLength / pieceAlignment) * pieceAlignment
  }

  #at(name: string): bigint {
    return this.#scratch + BigInt(this.#pieces.get(name)!)
  }

  /** Brings the descriptions of attention's rows and the last rows to the device. */
  #upload(rowBytes: number, lastBytes: number): Upload | undefined {
    if (rowBytes + lastBytes === 0) return undefined
    const { program, plan, facts } = this.#run
    const { scratch, device } = this.#context
    const upload = scratch.takeUpload(rowBytes + lastBytes)
    const view = new DataView(upload.bytes.buffer, upload.bytes.byteOffset, upload.bytes.byteLength)
    if (rowBytes > 0) {
      program.attentions.forEach(({ attributes }, index) => {
        const { rows } = plan.caches.get(attributes.cache)!
        facts.rows.forEach(({ start, count }, row) => {
          const isSparse = attributes.sparsity < 1 && count === 1
          const keep = isSparse ? Math.floor(attributes.sparsity * start) : undefined
          const { keys, values } = rows[row]!
          writeAttentionRow(view, index * facts.rows.length + row, { keys, values, start, count, keep })
        })
      })
    }
    facts.lastRows?.forEach((last, row) => view.setInt32(rowBytes + 4 * row, last, true))
    device.driver.call.copyIn(this.#at('upload'), upload.address, rowBytes + lastBytes, this.#stream)
    if (lastBytes > 0) {
      const address = this.#at('upload') + BigInt(rowBytes)
      this.#tensors.set(inputNames.lastRows, { address, type: 'int32', shape: [facts.lastRows!.length] })
    }
    return upload
  }

  #runSteps(rowBytes: number): void {
    const { program, plan } = this.#run
    const { attention } = this.#context
    const eachBytes = rowBytes / Math.max(program.attentions.length, 1)
    for (const step of program.steps!) {
      if (step.kind === 'dense') {
        this.#runPart(step.part)
        continue
      }
      const { inputs, outputs, attributes } = step.node
      const [q, k, v] = inputs.map((name) => this.#tensor(name).address) as [bigint, bigint, bigint]
      const index = program.attentions.indexOf(step.node)
      const operands = {
        q,
        k,
        v,
        y: this.#tensor(outputs[0]!).address,
        rows: this.#at('upload') + BigInt(index * eachBytes),
      }
      const { maxPositions, dtype } = plan.caches.get(attributes.cache)!.spec
      const { batch, seq } = plan
      attention.launch(
        step.node,
        { compute: program.compute, cache: dtype },
        operands,
        { batch, seq, maxPositions },
        this.#stream,
      )
    }
  }

  #runPart({ model, session }: CudaPart): void {
    const { binding, plan, facts } = this.#run
    const bound = binding.sessionBinding(session)
    for (const name of model.inputs) bound.input(name, this.#tensor(name))
    if (model.readsLastRows) bound.input(inputNames.lastRows, this.#tensor(inputNames.lastRows))
    for (const width of model.shapeWidths)
      bound.hostInput(inputNames.shape(width), this.#word('int64', [plan.batch, plan.seq, width]))
    if (model.attentions.length > 0) bound.hostInput(inputNames.total, this.#word('int32', [facts.total]))
    for (const { attributes } of model.attentions) {
      const { cache, kvHeads, headDim } = attributes
      const { inPlace, spec } = plan.caches.get(cache)!
      const shape = [plan.batch, kvHeads, spec.maxPositions, headDim]
      const tensorOf = (address: bigint): AddressedTensor => ({ address, type: this.#run.program.compute, shape })
      const [keys, values] = [tensorOf(inPlace!.keys), tensorOf(inPlace!.values)]
      bound.input(inputNames.pastKeys(cache), keys)
      bound.input(inputNames.pastValues(cache), values)
      bound.output(inputNames.presentKeys(cache), keys)
      bound.output(inputNames.presentValues(cache), values)
    }
    for (const name of model.outputs) bound.output(name, this.#tensor(name))
    session.run(bound)
  }

  #tensor(name: string): AddressedTensor {
    const known = this.#tensors.get(name) ?? this.#run.plan.values.get(name)?.tensor
    if (known !== undefined) return known
    const { program, plan } = this.#run
    const { type } = program.info.values.get(name)!
    const tensor = { address: this.#at(name), type, shape: flatShape(plan.shapes.get(name)!, type) }
    this.#tensors.set(name, tensor)
    return tensor
  }

  /** Numbers in host memory of the binding; ONNX Runtime reads them before the run is handed over. */
  #word(type: 'int32' | 'int64', numbers: readonly number[]): AddressedTensor {
    const { words } = this.#run.binding
    const at = this.#words
    this.#words += 8
    if (type === 'int64') numbers.forEach((number, i) => (words[at + i] = BigInt(number)))
    else new Int32Array(words.buffer).set(numbers, 2 * at)
    const base = this.#context.device.driver.addressOf(words)
    return { address: base + BigInt(8 * at), type, shape: [numbers.length] }
  }
}

/** Room for what passes from step to step. */
function betweenBytes({ plans, info }: CudaProgram, shapes: ReadonlyMap<string, readonly number[]>): number {
  const names = plans.flatMap((step) => (step.kind === 'dense' ? step.outputs : step.node.outputs))
  return names.reduce((sum, name) => {
    const byteLength = elementCount(shapes.get(name)!) * tensorTypes[info.values.get(name)!.type].bytes
    return sum + Math.ceil(byteLength / pieceAlignment) * pieceAlignment
  }, 0)
}

/** Room for copies of weights that may lie at odd addresses; large matrices never do. */
function misalignedBytes({ info }: CudaProgram): number {
  return info.graph.inputs.reduce((sum, { name }) => {
    const { count, type } = info.values.get(name)!
    const bytes = count * tensorTypes[type].bytes
    return bytes <= mostMisalignedBytes ? sum + bytes + pieceAlignment : sum
  }, 0)
}

const mostMisalignedBytes = 64 * 1024
