import {
  type Binding,
  elementCount,
  type HostBuffer,
  type LayerGraph,
  type PreparedKernel,
  type QueueEvent,
  type RunShape,
  type Span,
  UsageError,
} from '@flexgen/spec'
import type { KernelContext } from './kernel-context.ts'
import { executeRun } from './execute-run.ts'
import { heldWeightBytes, lendWeights, widenedBytes } from './held-weights.ts'
import type { WorkspaceNeed } from '../memory/memory-ledger.ts'
import { scratchBlockBytes } from '../memory/scratch-pool.ts'
import { OnnxBinding } from './onnx-binding.ts'
import { planRun } from './plan-run.ts'
import { createProgram, type Program } from './program.ts'

/** A graph that ONNX Runtime runs; with the weights it holds, if any, as a prepared kernel. */
export class OnnxKernel implements PreparedKernel {
  readonly graph: LayerGraph
  readonly heldBytes: number
  readonly #context: KernelContext
  readonly #program: Program
  readonly #bindings = new Set<Binding>()
  readonly #runs = new Set<QueueEvent>()
  #disposing: Promise<void> | undefined

  /** Takes over the program; the bytes that it holds are already counted in the ledger. */
  constructor(context: KernelContext, program: Program, heldBytes: number) {
    this.graph = program.info.graph
    this.heldBytes = heldBytes
    this.#context = context
    this.#program = program
    context.lifetime.kernels.add(this)
  }

  /** Whether the backend with this context compiled it. */
  isOf(context: KernelContext): boolean {
    return this.#context === context
  }

  createBinding(): Binding {
    this.#assertUsable()
    const binding: OnnxBinding = new OnnxBinding(() => this.#bindings.delete(binding))
    this.#bindings.add(binding)
    return binding
  }

  /** Workspace stays and serves all kernels: what a run needs, or what runs of other kernels have left. */
  workspaceBytes(shape: RunShape): number {
    const needs = [this, ...this.#context.lifetime.kernels].map((kernel) => kernel.need(shape))
    const most = (of: keyof WorkspaceNeed): number => Math.max(...needs.map((need) => need[of]))
    return most('scratchBytes') + most('arenaBytes')
  }

  /** What a run of this kernel needs by itself. */
  need({ batch, seq, maxPositions }: RunShape): WorkspaceNeed {
    const { scratchBytes, arenaBytes } = this.#program.layouts.of({ batch, seq, maxPositions })
    const widened = widenedBytes(this.#program, batch * seq, this.#context.runtime)
    return { scratchBytes: scratchBlockBytes(scratchBytes + widened), arenaBytes }
  }

  preparedBytes(weightNames: readonly string[]): number {
    for (const name of weightNames) this.#assertWeight(name)
    return heldWeightBytes(this.#program.info, new Set(weightNames))
  }

  async prepare(weights: ReadonlyMap<string, Span<HostBuffer>>): Promise<PreparedKernel> {
    this.#assertUsable()
    if (this.#program.held.size > 0)
      throw new UsageError(`${this.graph.name} holds weights already`, {
        hint: 'prepare all weights at once, from the kernel that compile gave',
      })
    for (const name of weights.keys()) this.#assertWeight(name)
    const { info } = this.#program
    const lent = lendWeights(info, weights, this.#context)
    const sizeBytes = this.preparedBytes([...weights.keys()])
    const { ledger } = this.#context
    ledger.take('prepared', sizeBytes, `preparing ${this.graph.name}`)
    try {
      const tensors = new Map([...lent].map(([name, { tensor }]) => [name, tensor]))
      const program = await this.#context.lifetime.track(
        () => createProgram(this.#context, info, tensors),
        (made) => made.release(),
      )
      return new OnnxKernel(this.#context, program, sizeBytes)
    } catch (error) {
      ledger.give('prepared', sizeBytes)
      throw error
    } finally {
      for (const { owner } of lent.values()) owner?.release()
    }
  }

  /**
   * Checks a run and gives what does it later.
   * @throws {FlexgenError} `USAGE` for a bad binding
   */
  plan(binding: Binding): { readonly run: () => void | Promise<void>; readonly hold: (event: QueueEvent) => void } {
    this.#assertUsable()
    if (!(binding instanceof OnnxBinding)) throw new UsageError(`${this.graph.name}: the binding is of another backend`)
    binding.assertUsable()
    if (!this.#bindings.has(binding)) throw new UsageError(`${this.graph.name}: the binding was made by another kernel`)
    // Who was lent before may have been freed since.
    binding.plan?.lent.forEach(({ owner }) => owner?.assertLive())
    const plan = (binding.plan ??= planRun(this.#program, binding, this.#context))
    for (const { owner } of plan.lent) owner?.retain()
    const hold = (event: QueueEvent): void => {
      binding.hold(event)
      this.#runs.add(event)
      event.onSettled(() => {
        this.#runs.delete(event)
        for (const { owner } of plan.lent) owner?.release()
      })
    }
    return { run: () => executeRun(this.#program, binding, plan, this.#context), hold }
  }

  /** Gives back what it holds once its runs have ended. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#disposing ??= this.#dispose()
    return this.#disposing
  }

  async #dispose(): Promise<void> {
    await Promise.allSettled([...this.#runs].map((event) => event.whenDone()))
    for (const binding of this.#bindings) (binding as OnnxBinding).end()
    this.#bindings.clear()
    this.#program.release()
    this.#context.lifetime.kernels.delete(this)
    this.#context.ledger.give('prepared', this.heldBytes)
  }

  #assertUsable(): void {
    this.#context.lifetime.assertOpen()
    if (this.#disposing !== undefined) throw new UsageError(`the kernel ${this.graph.name} is disposed`)
  }

  #assertWeight(name: string): void {
    const value = this.graph.inputs.find((input) => input.name === name && input.role === 'weight')
    if (value === undefined || elementCount(value.shape as number[]) === 0 || this.#program.held.has(name))
      throw new UsageError(`${this.graph.name} has no weight ${name} that could be prepared`)
  }
}
