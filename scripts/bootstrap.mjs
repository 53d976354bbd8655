// `npm start`, `npm test` and the other root commands come here: sets up what is missing, then runs the task.
// Only syntax and modules that old Node versions can read too, so that they get as far as the message.
const major = Number(process.versions.node.split('.')[0])
if (major < 18) {
  process.stderr.write(
    `flexgen: NODE_TOO_OLD: Node 18 or newer is needed, this is ${process.version}\nhint: install a newer Node and run again\n`,
  )
  process.exit(1)
}
import('./main.mjs').catch((error) => {
  process.stderr.write(error.isSetupError ? `flexgen: ${error.message}\n` : `${error.stack}\n`)
  process.exit(1)
})
