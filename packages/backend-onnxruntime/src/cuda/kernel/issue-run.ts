import { elementCount, type GroupDType } from '@flexgen/spec'
import { flatShape } from '../../graphs/graph-info.ts'
import { type TensorType, tensorTypes } from '../../onnx/tensor-type.ts'
import type { CudaContext } from '../cuda-context.ts'
import type { CudaHandle } from '../driver/cuda-functions.ts'
import { inputNames } from '../graph/cuda-model.ts'
import type { GraphProduct } from '../graph/find-products.ts'
import type { OwnNode } from '../graph/plan-steps.ts'
import type { ProductType } from '../products/products.ts'
import type { AddressedTensor } from '../session/cuda-session.ts'
import { launchArgMax } from './arg-max-kernel.ts'
import { copyToDevice } from '../queue/copy-to-device.ts'
import { AttentionKernels, attentionRowBytes, writeAttentionRow } from './attention-kernels.ts'
import type { Upload } from './compute-scratch.ts'
import type { CudaBinding } from './cuda-binding.ts'
import type { CudaPart, CudaProgram, CudaStep } from './cuda-program.ts'
import { launchNorm } from './norm-kernel.ts'
import { GroupKernels } from './group-kernels.ts'
import type { CudaRunPlan } from './plan-cuda-run.ts'
import type { RunFacts } from './run-facts.ts'
import { alignScratch } from './scratch-layout.ts'
import { attendsFused, scratchNames, stepLayout, type StepRun } from './step-scratch.ts'

/** A run that is about to be issued. */
export interface CudaRun {
  readonly program: CudaProgram
  readonly binding: CudaBinding
  readonly plan: CudaRunPlan
  readonly facts: RunFacts
  /** Whether the fused form serves it. */
  readonly isFused: boolean
}

/** Issues a run to the compute stream; gives the upload that must stay until it has ended. */
export function issueRun(run: CudaRun, context: CudaContext, stream: CudaHandle): Upload | undefined {
  return new Issue(run, context, stream).issue()
}

/** What a run looks like to its scratch. */
export function stepRunOf({ program, plan, facts, isFused }: CudaRun): StepRun {
  const dtypes = [...plan.caches.values()].map(({ spec }) => spec.dtype)
  const { batch, seq } = plan
  // One that is kept otherwise than it is computed asks for scratch; several would ask for no more.
  const cacheDtype = dtypes.find((dtype) => dtype !== program.compute) ?? program.compute
  return { batch, seq, cacheDtype, startsAnew: facts.startsAnew, isFused }
}

/** What the fused attention of a prompt reads. */
interface PromptOperands {
  /** Instead of inputs. */
  readonly values: ReadonlyMap<string, AddressedTensor>
  /** In place of the cache, where it takes one. */
  readonly keys?: bigint
  readonly cacheValues?: bigint
}

class Issue {
  readonly #run: CudaRun
  readonly #context: CudaContext
  readonly #stream: CudaHandle
  readonly #tensors = new Map<string, AddressedTensor>()
  readonly #attention: AttentionKernels
  readonly #groups: GroupKernels
  #offsets: ReadonlyMap<string, number> = new Map()
  readonly #extraOffsets = new Map<string, number>()
  #scratch = 0n
  #words = 0

  constructor(run: CudaRun, context: CudaContext, stream: CudaHandle) {
    this.#run = run
    this.#context = context
    this.#stream = stream
    this.#attention = new AttentionKernels(context.deviceKernels, stream)
    this.#groups = new GroupKernels(context.deviceKernels, stream)
  }

  issue(): Upload | undefined {
    const { program, plan, isFused, facts } = this.#run
    const { misaligned } = plan
    const steps = isFused ? program.fused! : program.steps!
    const rowBytes = isFused ? 0 : facts.rows.length * attentionRowBytes * program.attentions.length
    const lastBytes = facts.lastRows?.byteLength ?? 0
    const layout = stepLayout(program, stepRunOf(this.#run))
    // Behind what passes between steps lies what stays for all of them.
    const extra = misaligned.map(([name, { byteLength }]) => ({ name: `copy ${name}`, byteLength }))
    if (rowBytes + lastBytes > 0) extra.push({ name: 'upload', byteLength: rowBytes + lastBytes })
    let end = layout.byteLength
    for (const { name, byteLength } of extra) {
      this.#extraOffsets.set(name, end)
      end += alignScratch(byteLength)
    }
    this.#offsets = layout.offsets
    this.#scratch = end === 0 ? 0n : this.#context.scratch.take(end)

    const { call } = this.#context.device.driver
    const outputs = new Set(program.info.graph.outputs.map(({ name }) => name))
    for (const [name, { tensor, byteLength }] of misaligned) {
      const address = this.#at(`copy ${name}`)
      this.#tensors.set(name, { ...tensor, address })
      if (!outputs.has(name)) call.copy(address, tensor.address, byteLength, this.#stream)
    }
    const upload = this.#upload(rowBytes, lastBytes)
    try {
      for (const step of steps) this.#runStep(step, rowBytes)
    } catch (error) {
      if (upload !== undefined) {
        call.streamSynchronize(this.#stream)
        this.#context.scratch.giveUpload(upload)
      }
      throw error
    }
    for (const [name, { tensor, byteLength }] of misaligned)
      if (outputs.has(name)) call.copy(tensor.address, this.#at(`copy ${name}`), byteLength, this.#stream)
    for (const name of outputs) plan.values.get(name)!.lent.owner.shadow?.forget()
    return upload
  }

  #at(name: string): bigint {
    return this.#scratch + BigInt(this.#offsets.get(name) ?? this.#extraOffsets.get(name)!)
  }

  /** Brings the descriptions of attention's rows and the last rows to the device. */
  #upload(rowBytes: number, lastBytes: number): Upload | undefined {
    if (rowBytes + lastBytes === 0) return undefined
    const { program, plan, facts } = this.#run
    const { scratch, device, deviceKernels } = this.#context
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
    const { address, deviceAddress } = upload
    const source = { address, deviceAddress, byteLength: rowBytes + lastBytes }
    copyToDevice({ driver: device.driver, deviceKernels }, this.#at('upload'), source, this.#stream)
    if (lastBytes > 0) {
      const address = this.#at('upload') + BigInt(rowBytes)
      this.#tensors.set(inputNames.lastRows, { address, type: 'int32', shape: [facts.lastRows!.length] })
    }
    return upload
  }

  #runStep(step: CudaStep, rowBytes: number): void {
    if (step.kind === 'own') this.#runOwn(step.node)
    else if (step.kind === 'attention') this.#runAttention(step, rowBytes)
    else {
      for (const name of step.packed) this.#unpack(name)
      if (step.kind === 'product') this.#runProduct(step.product, step.packed)
      else this.#runPart(step.part!, step.packed)
    }
  }

  /** @param packed weights that were unpacked for it */
  #runProduct({ nodes, isRectified, residual, parts }: GraphProduct, packed: readonly string[]): void {
    const { program, plan } = this.#run
    const [{ inputs, attributes }] = nodes
    const [input, weightName, biasName] = inputs as [string, string, string?]
    const shape = plan.shapes.get(input)!
    const inner = shape.at(-1)!
    const width = program.info.values.get(nodes[0].outputs[0]!)!.width
    const { transposed } = attributes
    const type = program.compute as ProductType
    const common = {
      type,
      rows: elementCount(shape) / inner,
      inner,
      transposed,
      weightLine: transposed ? inner : width,
      hasBias: biasName !== undefined,
      hasResidual: residual !== undefined,
      isRectified,
    }
    const x = this.#tensor(input).address
    const weight = packed.includes(weightName)
      ? this.#at(scratchNames.plain(weightName))
      : this.#tensor(weightName).address
    const bias = biasName === undefined ? 0n : this.#tensor(biasName).address
    const workspace = this.#at(scratchNames.workspace(parts[0]!.output))
    const { bytes } = tensorTypes[type]
    for (const part of parts) {
      const skipped = BigInt(part.start * bytes)
      const operands = {
        x,
        y: this.#tensor(part.output).address,
        workspace,
        weight: weight + skipped * BigInt(transposed ? inner : 1),
        bias: biasName === undefined ? 0n : bias + skipped,
        residual: residual === undefined ? 0n : this.#tensor(residual).address,
      }
      this.#context.products.run({ ...common, width: part.width }, operands, this.#stream)
    }
  }

  /** Writes a 4-bit weight to scratch as plain values. */
  #unpack(name: string): void {
    const { program } = this.#run
    const { dtype, declared, count } = program.info.values.get(name)!
    const width = declared.at(-1)!
    const target = this.#at(scratchNames.plain(name))
    const { address } = this.#tensor(name)
    this.#groups.dequantize(target, address, count / width, width, dtype as GroupDType, program.compute)
  }

  #runOwn(node: OwnNode): void {
    const { program, plan } = this.#run
    const [input, output] = [node.inputs[0]!, node.outputs[0]!]
    const [source, target] = [this.#tensor(input).address, this.#tensor(output).address]
    // What is read or written along its last axis.
    const shape = plan.shapes.get(node.operator === 'ArgMax' ? input : output)!
    const width = shape.at(-1)!
    const rows = elementCount(shape) / width
    const typeOf = (name: string): TensorType => program.info.values.get(name)!.type
    if (node.operator === 'LayerNormalization' || node.operator === 'RMSNormalization') {
      const [scale, bias = 0n] = node.inputs.slice(1).map((name) => this.#tensor(name).address)
      const operands = { x: source, y: target, scale: scale!, bias, rows, width, type: program.compute }
      launchNorm(this.#context.deviceKernels, this.#stream, node, operands)
      return
    }
    if (node.operator === 'ArgMax')
      launchArgMax(this.#context.deviceKernels, this.#stream, { source, target, rows, width, type: typeOf(input) })
    else if (node.operator === 'QuantizeGroup') this.#groups.quantize(target, source, rows, width, typeOf(input))
    else if (node.operator === 'DequantizeGroup')
      this.#groups.dequantize(target, source, rows, width, 'q4g64', typeOf(output))
    else {
      const { address } = this.#tensor(node.inputs[1]!)
      const indices = { address, count: rows, offset: node.attributes.indexOffset }
      this.#groups.gather(target, source, indices, width, typeOf(output))
    }
  }

  /** Brings keys and values to their rows; then prompts attend to what they brought, as it is kept there. */
  #runAttention({ node, part }: CudaStep & { readonly kind: 'attention' }, rowBytes: number): void {
    const { program, plan, facts } = this.#run
    const { inputs, outputs, attributes } = node
    const [output] = outputs as [string]
    const [q, k, v] = inputs.map((name) => this.#tensor(name).address) as [bigint, bigint, bigint]
    const { maxPositions, dtype } = plan.caches.get(attributes.cache)!.spec
    const index = program.attentions.indexOf(node)
    const isPrompt = attendsFused(program, node, stepRunOf(this.#run))
    const isUneven = facts.rows.some(({ count }) => count < plan.seq)
    // Behind a prompt that is shorter than others, keys and values must be numbers, though their weight is 0.
    const readsKept = isPrompt && (dtype !== program.compute || (isUneven && program.promptForm === 'tokens'))
    const keptKeys = readsKept ? this.#at(scratchNames.keptKeys(output)) : 0n
    const keptValues = readsKept ? this.#at(scratchNames.keptValues(output)) : 0n
    const operands = {
      q,
      k,
      v,
      y: this.#tensor(output).address,
      keptKeys,
      keptValues,
      rows: this.#at('upload') + BigInt((index * rowBytes) / program.attentions.length),
    }
    const types = { compute: program.compute, cache: dtype }
    const sizes = { batch: plan.batch, seq: plan.seq, maxPositions }
    this.#attention.append(node, types, operands, sizes)
    if (!isPrompt) {
      this.#attention.attend(node, types, operands, sizes)
      return
    }
    const kept = (name: string, address: bigint): [string, AddressedTensor] => [
      name,
      { ...this.#tensor(name), address },
    ]
    const values = new Map(readsKept ? [kept(inputs[1]!, keptKeys), kept(inputs[2]!, keptValues)] : [])
    if (program.promptForm === 'tokens') {
      this.#runPart(part!, [], { values })
      return
    }
    const keys = this.#at(scratchNames.promptKeys(output))
    const cacheValues = this.#at(scratchNames.promptValues(output))
    // Behind a prompt that is shorter than others, whatever lies there must be numbers.
    if (isUneven) {
      const byteLength =
        plan.batch * attributes.kvHeads * plan.seq * attributes.headDim * tensorTypes[program.compute].bytes
      for (const start of [keys, cacheValues])
        this.#context.device.driver.call.memoryFill(start, 0, byteLength, this.#stream)
    }
    this.#runPart(part!, [], { values, keys, cacheValues })
  }

  /**
   * Runs a session.
   * @param packed inputs that were unpacked for it
   * @param prompt what it reads instead of its inputs and of the cache
   */
  #runPart({ model, session }: CudaPart, packed: readonly string[], prompt?: PromptOperands): void {
    const { binding, plan, facts, program } = this.#run
    const bound = binding.sessionBinding(session)
    // The runtime has read the numbers of the last part.
    this.#words = 0
    for (const name of model.inputs) {
      const tensor = prompt?.values.get(name) ?? this.#tensor(name)
      const isPacked = packed.includes(name)
      bound.input(name, isPacked ? { ...tensor, address: this.#at(scratchNames.plain(name)) } : tensor)
    }
    if (model.readsLastRows) bound.input(inputNames.lastRows, this.#tensor(inputNames.lastRows))
    for (const width of model.shapeWidths)
      bound.hostInput(inputNames.shape(width), this.#word('int64', [plan.batch, plan.seq, width]))
    if (model.attentions.length > 0) bound.hostInput(inputNames.total, this.#word('int32', [facts.total]))
    for (const { attributes } of model.attentions) {
      const { cache, kvHeads, headDim } = attributes
      const { inPlace, spec } = plan.caches.get(cache)!
      const room = prompt === undefined ? spec.maxPositions : plan.seq
      const shape = [plan.batch, kvHeads, room, headDim]
      const tensorOf = (address: bigint): AddressedTensor => ({ address, type: program.compute, shape })
      const keys = tensorOf(prompt?.keys ?? inPlace!.keys)
      const values = tensorOf(prompt?.cacheValues ?? inPlace!.values)
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
