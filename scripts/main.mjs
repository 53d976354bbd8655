import { setUp } from './setup/set-up.mjs'
import { tasks } from './tasks.mjs'

const [name = '', ...args] = process.argv.slice(2)
const task = tasks[name]
if (!task) {
  process.stderr.write(`flexgen: no task '${name}'\nhint: one of ${Object.keys(tasks).join(', ')}\n`)
  process.exit(2)
}
await setUp()
process.exitCode = await task(args)
