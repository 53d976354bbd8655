/** The oldest Node that runs this, as in `engines` of package.json. */
const oldest = [22, 12] as const

/** Why this Node cannot run the command, in the form of an error; undefined where it can. */
export function nodeProblem(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) return undefined
  return `flexgen: USAGE: Node ${oldest.join('.')} or newer is needed, this is ${version}\nhint: install a newer Node and run again\n`
}

const problem = nodeProblem(process.versions.node)
if (problem !== undefined) {
  process.stderr.write(problem)
  process.exit(2)
}
