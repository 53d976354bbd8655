import { formatNumber } from '../../format/format-amount.ts'
import type { Measurement, TaskShare } from '../../measure/measurement.ts'
import type { QueueKind } from '../../measure/queue-kinds.ts'
import { kindColours } from '../colours.ts'
import type { Markup } from '../html.ts'
import { tasksPlot } from '../plots/tasks-plot.ts'
import { renderFigure } from '../render-plot.ts'

/** Tasks that a plot names; what is shorter is in the numbers. */
const mostTasks = 8

const kinds: Readonly<Record<string, QueueKind>> = {
  loadWeight: 'load weights',
  loadCache: 'load KV',
  storeCache: 'store KV',
  loadHidden: 'hidden states',
  storeHidden: 'hidden states',
}

/** Where the time of a breakdown went, a figure for each phase; none for other runs. */
export async function tasksFigures({ tasks = [], phaseSeconds }: Measurement): Promise<Markup[]> {
  const figures: Markup[] = []
  for (const phase of ['prefill', 'decode'] as const) {
    const mine = tasks.filter((each) => each.phase === phase)
    if (mine.length === 0) continue
    const known = mine.reduce((sum, { seconds }) => sum + seconds, 0)
    const figure = await renderFigure({
      title: `Where the time of ${phase} went`,
      about: `Every step alone; the tasks are ${formatNumber((100 * known) / phaseSeconds[phase])} % of the wall time.`,
      size: 'half',
      plot: tasksPlot(
        mine.slice(0, mostTasks).map(({ task, seconds }) => ({
          task,
          seconds,
          share: seconds / phaseSeconds[phase],
          colour: kindColours[kindOf({ task })],
        })),
      ),
    })
    figures.push(figure)
  }
  return figures
}

function kindOf({ task }: Pick<TaskShare, 'task'>): QueueKind {
  return task.startsWith('compute') ? 'compute' : (kinds[task] ?? 'other')
}
