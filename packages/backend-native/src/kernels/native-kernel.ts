import {
  type Binding,
  type HostBuffer,
  type LayerGraph,
  type PreparedKernel,
  type QueueEvent,
  type RunShape,
  type Span,
  UsageError,
} from '@flexgen/spec'
import { scratchBlockBytes } from '../memory/scratch-arena.ts'
import { copyWeights, heldWeightBytes, lendWeights, type WeightMemory } from './held-weights.ts'
import type { KernelContext } from './kernel-context.ts'
import { NativeBinding } from './native-binding.ts'
import { planRun, type RunPlan } from './plan-run.ts'
import type { Program } from './program.ts'

/** A run that was checked and can be queued. */
export interface PlannedRun {
  readonly program: Program
  readonly plan: RunPlan
  /** Keeps everything that the run uses until its event has ended. */
  readonly hold: (event: QueueEvent) => void
}

/** A graph that the host kernels run; with the weights it holds, if any, as a prepared kernel. */
export class NativeKernel implements PreparedKernel {
  readonly graph: LayerGraph
  readonly heldBytes: number
  readonly #context: KernelContext
  readonly #program: Program
  readonly #held: WeightMemory | undefined
  readonly #bindings = new Set<Binding>()
  readonly #runs = new Set<QueueEvent>()
  #disposing: Promise<void> | undefined

  /** Takes over a use of the program and the weights; their bytes are already counted in the ledger. */
  constructor(context: KernelContext, program: Program, held: WeightMemory | undefined, heldBytes: number) {
    this.graph = program.info.graph
    this.heldBytes = heldBytes
    this.#context = context
    this.#program = program
    this.#held = held
    context.lifetime.kernels.add(this)
  }

  /** Whether the backend with this context compiled it. */
  isOf(context: KernelContext): boolean {
    return this.#context === context
  }

  createBinding(): Binding {
    this.#assertUsable()
    const binding: NativeBinding = new NativeBinding(() => this.#bindings.delete(binding))
    this.#bindings.add(binding)
    return binding
  }

  workspaceBytes({ batch, seq, maxPositions }: RunShape): number {
    // No cache dtype needs more scratch than another.
    return scratchBlockBytes(this.#program.layout({ batch, seq, maxPositions, cacheDtype: 'float32' }).scratchBytes)
  }

  preparedBytes(weightNames: readonly string[]): number {
    for (const name of weightNames) this.#assertWeight(name)
    return heldWeightBytes(this.#program.info, weightNames)
  }

  async prepare(weights: ReadonlyMap<string, Span<HostBuffer>>): Promise<PreparedKernel> {
    this.#assertUsable()
    if (this.#held !== undefined)
      throw new UsageError(`${this.graph.name} holds weights already`, {
        hint: 'prepare all weights at once, from the kernel that compile gave',
      })
    for (const name of weights.keys()) this.#assertWeight(name)
    const { info } = this.#program
    const lent = lendWeights(info, weights, this.#context)
    const sizeBytes = heldWeightBytes(info, weights.keys())
    const { ledger } = this.#context
    try {
      ledger.take('prepared', sizeBytes, `preparing ${this.graph.name}`)
      this.#program.retain()
      return await this.#context.lifetime.track(async () => {
        try {
          const held = await copyWeights(info, lent, this.#context)
          return new NativeKernel(this.#context, this.#program, held, sizeBytes)
        } catch (error) {
          this.#program.release()
          ledger.give('prepared', sizeBytes)
          throw error
        }
      }, end)
    } finally {
      for (const { owner } of lent.values()) owner?.release()
    }
  }

  /**
   * Checks a run.
   * @throws {FlexgenError} `USAGE` for a bad binding
   */
  plan(binding: Binding): PlannedRun {
    this.#assertUsable()
    if (!(binding instanceof NativeBinding))
      throw new UsageError(`${this.graph.name}: the binding is of another backend`)
    binding.assertUsable()
    if (!this.#bindings.has(binding)) throw new UsageError(`${this.graph.name}: the binding was made by another kernel`)
    // Who was lent before may have been freed since.
    binding.plan?.lent.forEach(({ memory }) => memory.owner?.assertLive())
    const plan = (binding.plan ??= planRun(this.#program, this.#held?.weights ?? noWeights, binding, this.#context))
    const hold = (event: QueueEvent): void => {
      binding.hold(event)
      for (const { memory } of plan.lent) memory.owner?.retain()
      this.#runs.add(event)
      event.onSettled(() => {
        this.#runs.delete(event)
        for (const { memory } of plan.lent) memory.owner?.release()
      })
    }
    return { program: this.#program, plan, hold }
  }

  /** Gives back what it holds once its runs have ended. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#disposing ??= this.#dispose()
    return this.#disposing
  }

  async #dispose(): Promise<void> {
    await Promise.allSettled([...this.#runs].map((event) => event.whenDone()))
    for (const binding of this.#bindings) (binding as NativeBinding).end()
    this.#bindings.clear()
    this.#program.release()
    this.#held?.mapping.unmap()
    this.#context.lifetime.kernels.delete(this)
    this.#context.ledger.give('prepared', this.heldBytes)
  }

  #assertUsable(): void {
    this.#context.lifetime.assertOpen()
    if (this.#disposing !== undefined) throw new UsageError(`the kernel ${this.graph.name} is disposed`)
  }

  #assertWeight(name: string): void {
    const isWeight = this.graph.inputs.some((input) => input.name === name && input.role === 'weight')
    if (!isWeight || this.#held?.weights.has(name) === true)
      throw new UsageError(`${this.graph.name} has no weight ${name} that could be prepared`)
  }
}

function end(kernel: NativeKernel): Promise<void> {
  return kernel[Symbol.asyncDispose]()
}

const noWeights: ReadonlyMap<string, Uint8Array> = new Map()
