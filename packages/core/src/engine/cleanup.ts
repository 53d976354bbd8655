/** Undo steps of what was made so far; runs them once, the last made first, and goes on after a failing one. */
export class Cleanup {
  readonly #steps: (() => void | Promise<void>)[] = []

  add(step: () => void | Promise<void>): void {
    this.#steps.push(step)
  }

  /** @throws the first error of a step, after all have run */
  async run(): Promise<void> {
    const errors: unknown[] = []
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step()
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) throw errors[0]
  }

  /** Runs the steps after a failure: what failed first is what the caller must see, so later errors are dropped. */
  async runAfterFailure(): Promise<void> {
    await this.run().catch(() => undefined)
  }
}
