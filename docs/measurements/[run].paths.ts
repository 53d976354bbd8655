import { listRuns } from '../../packages/docs-site/src/measurements/list-runs.ts'
import { renderRun } from '../../packages/docs-site/src/measurements/render-run.ts'

export default {
  paths: () => listRuns().map((run) => ({ params: { run: run.name }, content: renderRun(run) })),
}
