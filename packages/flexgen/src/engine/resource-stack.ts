/** What is to be disposed later, the last first; Node 22 has no AsyncDisposableStack. */
export interface ResourceStack extends AsyncDisposable {
  /** Takes a resource over and returns it. */
  use<Resource extends AsyncDisposable>(resource: Resource): Resource
  [Symbol.asyncDispose](): Promise<void>
}

/** An empty stack. Dispose goes on after a failure and throws the first one at the end; a second dispose does nothing. */
export function createResourceStack(): ResourceStack {
  const resources: AsyncDisposable[] = []
  let disposing: Promise<void> | undefined
  const dispose = async (): Promise<void> => {
    let failure: { readonly error: unknown } | undefined
    for (const resource of resources.splice(0).toReversed()) {
      try {
        await resource[Symbol.asyncDispose]()
      } catch (error) {
        failure ??= { error }
      }
    }
    if (failure !== undefined) throw failure.error
  }
  return {
    use: (resource) => {
      resources.push(resource)
      return resource
    },
    [Symbol.asyncDispose]: () => (disposing ??= dispose()),
  }
}
