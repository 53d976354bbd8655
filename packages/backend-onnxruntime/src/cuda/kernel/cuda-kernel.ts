import {
  type Binding,
  elementCount,
  type HostBuffer,
  type LayerGraph,
  type PreparedKernel,
  type QueueEvent,
  type RunShape,
  type Span,
  tensorBytes,
  UsageError,
} from '@flexgen/spec'
import type { CudaContext } from '../cuda-context.ts'
import type { Work } from '../queue/cuda-queue.ts'
import { CudaBinding, type CudaCheckedValue } from './cuda-binding.ts'
import type { CudaProgram } from './cuda-program.ts'
import { issueRun, stepRunOf } from './issue-run.ts'
import { planCudaRun, type CudaRunPlan } from './plan-cuda-run.ts'
import { prepareWeights } from './prepare-weights.ts'
import { readRunFacts, type RunFacts } from './run-facts.ts'
import type { StepRun } from './step-scratch.ts'
import { workspaceOf } from './workspace-need.ts'
import type { Upload } from './compute-scratch.ts'

/** Weights that a kernel holds in device memory, by input name. */
export interface HeldWeights {
  readonly values: ReadonlyMap<string, CudaCheckedValue>
  readonly sizeBytes: number
  release(): void
}

const noWeights: HeldWeights = { values: new Map(), sizeBytes: 0, release: () => {} }

/** A graph that ONNX Runtime runs on CUDA; with the weights it holds, if any, as a prepared kernel. */
export class CudaKernel implements PreparedKernel {
  readonly graph: LayerGraph
  readonly #context: CudaContext
  readonly #program: CudaProgram
  readonly #held: HeldWeights
  readonly #bindings = new Set<CudaBinding>()
  readonly #runs = new Set<QueueEvent>()
  #disposing: Promise<void> | undefined

  constructor(context: CudaContext, program: CudaProgram, held: HeldWeights = noWeights) {
    this.graph = program.info.graph
    this.#context = context
    this.#program = program
    this.#held = held
    program.retain()
    context.lifetime.kernels.add(this)
  }

  get heldBytes(): number {
    return this.#held.sizeBytes
  }

  /** Whether the backend with this context compiled it. */
  isOf(context: CudaContext): boolean {
    return this.#context === context
  }

  createBinding(): Binding {
    this.#assertUsable()
    const binding: CudaBinding = new CudaBinding(() => this.#bindings.delete(binding))
    this.#bindings.add(binding)
    return binding
  }

  /** Workspace stays and serves all kernels: what a run needs, or runs of other kernels have left, and what sessions keep. */
  workspaceBytes(shape: RunShape): number {
    const kernels = [this, ...this.#context.lifetime.kernels].filter((kernel) => kernel instanceof CudaKernel)
    const needs = kernels.flatMap((kernel) =>
      possibleRuns(kernel.#program, shape).map((run) => workspaceOf(kernel.#program, run)),
    )
    const most = (part: 'scratchBytes' | 'arenaBytes'): number => Math.max(...needs.map((need) => need[part]))
    return most('scratchBytes') + most('arenaBytes') + sessionConstantBytes
  }

  preparedBytes(weightNames: readonly string[]): number {
    return weightNames.reduce((sum, name) => sum + this.#weightBytes(name), 0)
  }

  async prepare(weights: ReadonlyMap<string, Span<HostBuffer>>): Promise<PreparedKernel> {
    this.#assertUsable()
    if (this.#held.values.size > 0)
      throw new UsageError(`${this.graph.name} holds weights already`, {
        hint: 'prepare all weights at once, from the kernel that compile gave',
      })
    for (const [name, span] of weights) {
      const sizeBytes = this.#weightBytes(name)
      if (span.byteLength < sizeBytes)
        throw new UsageError(
          `${this.graph.name}: ${name} needs ${sizeBytes} bytes, but its span has ${span.byteLength}`,
        )
    }
    const held = await this.#context.lifetime.track(
      () => prepareWeights(this.#program, weights, this.#context),
      (made) => made.release(),
    )
    return new CudaKernel(this.#context, this.#program, held)
  }

  /**
   * Checks a run and gives what does it later.
   * @throws {FlexgenError} `USAGE` for a bad binding
   */
  plan(binding: Binding): { readonly work: Work; readonly hold: (event: QueueEvent) => void } {
    this.#assertUsable()
    if (!(binding instanceof CudaBinding)) throw new UsageError(`${this.graph.name}: the binding is of another backend`)
    binding.assertUsable()
    if (!this.#bindings.has(binding)) throw new UsageError(`${this.graph.name}: the binding was made by another kernel`)
    // Who was lent before may have been freed since.
    binding.plan?.owners.forEach((owner) => owner.assertLive())
    const plan = (binding.plan ??= planCudaRun(this.#program, this.#held.values, binding, this.#context))
    let upload: Upload | undefined
    const hold = (event: QueueEvent): void => {
      binding.hold(event)
      this.#runs.add(event)
      event.onSettled(() => {
        this.#runs.delete(event)
        if (upload !== undefined) this.#context.scratch.giveUpload(upload)
      })
    }
    let facts: RunFacts | undefined
    let problem: { readonly error: unknown } | undefined
    const work: Work = {
      label: `run ${this.graph.name}`,
      sizeBytes: 0,
      isRun: true,
      owners: plan.owners,
      blocker: (stream) => {
        try {
          facts ??= readRunFacts(this.#program, plan, this.#context, stream)
        } catch (error) {
          problem = { error }
          return undefined
        }
        const needsSteps = !isFused(this.#program, plan, facts) && this.#program.steps === undefined
        return needsSteps ? this.#program.makeSteps() : undefined
      },
      issue: (stream) => {
        if (problem !== undefined) throw problem.error
        upload = this.#issue(binding, plan, facts!, stream)
      },
    }
    return { work, hold }
  }

  /** Gives back what it holds once its runs have ended. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#disposing ??= this.#dispose()
    return this.#disposing
  }

  async #dispose(): Promise<void> {
    await Promise.allSettled([...this.#runs].map((event) => event.whenDone()))
    for (const binding of this.#bindings) binding.end()
    this.#bindings.clear()
    this.#program.release()
    this.#held.release()
    this.#context.lifetime.kernels.delete(this)
  }

  #issue(binding: CudaBinding, plan: CudaRunPlan, facts: RunFacts, stream: bigint): Upload | undefined {
    const { ledger } = this.#context
    const isWhole = isFused(this.#program, plan, facts)
    const run = { program: this.#program, binding, plan, facts, isFused: isWhole }
    const need = workspaceOf(this.#program, stepRunOf(run))
    ledger.enterRun(need, `a run of ${this.graph.name}`)
    try {
      return issueRun(run, this.#context, stream)
    } finally {
      // Runs follow each other on one stream, and what one has used serves the next: only one counts at a time.
      ledger.leaveRun(need)
    }
  }

  #weightBytes(name: string): number {
    const value = this.graph.inputs.find((input) => input.name === name && input.role === 'weight')
    if (value === undefined || this.#held.values.has(name) || elementCount(value.shape as number[]) === 0)
      throw new UsageError(`${this.graph.name} has no weight ${name} that could be prepared`)
    const { declared, dtype } = this.#program.info.values.get(name)!
    return tensorBytes(dtype, declared)
  }

  #assertUsable(): void {
    this.#context.lifetime.assertOpen()
    if (this.#disposing !== undefined) throw new UsageError(`the kernel ${this.graph.name} is disposed`)
  }
}

/**
 * What sessions keep in the arena beside what their runs take: constants such as shapes, at most a KiB for each of 128. A fixed
 * number, so that whoever plans gets the same answer whatever is compiled by then; what is really kept counts for the limit.
 */
const sessionConstantBytes = 128 * 1024

/** The forms that a run of a shape may take: which of them is known once its rows are. */
function possibleRuns(program: CudaProgram, shape: RunShape): StepRun[] {
  const { batch, seq, cacheDtype = program.compute } = shape
  const isFusable = program.fusedPlan !== undefined && cacheDtype === program.compute
  return [
    ...(isFusable ? [{ batch, seq, cacheDtype, startsAnew: true, isFused: true }] : []),
    ...[true, false].map((startsAnew) => ({ batch, seq, cacheDtype, startsAnew, isFused: false })),
  ]
}

/** The fused form takes rows that are neighbours, and one token for each row, or prompts from their start. */
function isFused(program: CudaProgram, plan: CudaRunPlan, facts: RunFacts): boolean {
  if (program.fusedPlan === undefined || !facts.isUniform) return false
  return [...plan.caches.values()].every(({ inPlace, spec }) => inPlace !== undefined && spec.dtype === program.compute)
}
