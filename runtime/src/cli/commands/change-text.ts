import type { Change } from '../../controller/deployment.js'
import type { PlanSummary } from '../../controller/plan.js'
import type { ChangeResult } from '../../controller/state.js'
import { bytes, counted, duration } from '../text.js'
import { listed } from '../words.js'

/** A change in the words it is asked for with. */
export function changeText(change: Change): string {
  switch (change.verb) {
    case 'transform': {
      const options = Object.entries(change.options).map(
        ([name, value]) => ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
      )
      return `transform ${change.id} ${change.plugin}${options.join('')}`
    }
    case 'untransform':
      return `untransform ${change.id}`
    case 'move':
      return `move ${change.id} ${change.place}`
    case 'upgrade':
      return `upgrade ${change.id} to ${change.kind} ${change.version}`
  }
}

function agentLines(what: string, agents: readonly { id: string; place: string }[]): string[] {
  if (agents.length === 0) return []
  return [
    `${what.padEnd(9)}${counted(agents.length, 'agent')}: ${listed(
      agents.map(({ id, place }) => `${id} on ${place}`),
      6,
    )}`,
  ]
}

/** What a plan does, line by line. */
export function planText(plan: PlanSummary): string {
  return [
    ...agentLines('starts', plan.starts),
    ...agentLines('stops', plan.stops),
    ...plan.moves.map(({ id, from, to }) => `moves    ${id} from ${from} to ${to}`),
    ...plan.upgrades.map(({ id, from, to }) => `upgrades ${id} from version ${from} to ${to}`),
    ...(plan.routes.length === 0
      ? []
      : [
          `routes   ${listed(
            plan.routes.map(({ client, to }) => `${client} → ${to}`),
            4,
          )}`,
        ]),
    ...plan.gains.map((gain) => `gains    ${gain}`),
    ...plan.loses.map((loss) => `loses    ${loss}`),
  ]
    .map((line) => `  ${line}`)
    .join('\n')
}

/** What came of a change, or would. */
export function resultText(result: ChangeResult): string {
  const head = result.dryRun
    ? `dry run: ${changeText(result.change)} would lead to epoch ${result.epoch}`
    : `${changeText(result.change)}: done, epoch ${result.epoch}`
  const tail = result.dryRun
    ? '  nothing was changed'
    : `  pause ${duration(result.pauseMs)}, took ${duration(result.tookMs)}, moved ${bytes(result.movedBytes)}`
  return [head, planText(result), tail].filter((line) => line !== '').join('\n')
}
