/** Puts packages behind those that they need, so that nobody can install one whose dependencies are not there yet. */
export function releaseOrder(manifests) {
  const byName = new Map(manifests.map((manifest) => [manifest.name, manifest]))
  const order = new Set()
  const add = (manifest) => {
    if (manifest === undefined || order.has(manifest)) return
    const { dependencies, optionalDependencies } = manifest
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) add(byName.get(name))
    order.add(manifest)
  }
  for (const manifest of manifests) add(manifest)
  return [...order]
}
