import type { Command } from '../command.js'
import { bytes, table } from '../text.js'

/** `stats [ID]` */
export const stats: Command = {
  name: 'stats',
  summary: 'Shows how much each thread, or each physical agent of one agent, has done, and what waits.',
  examples: ['stats', 'stats KVS'],
  parameters: [{ name: 'ID', kind: 'agent', optional: true }],
  run: async (session, { words }) => {
    if (words.ID === undefined) {
      const data = await session.box.statistics()
      const rows = data.map((each) => [
        each.place,
        each.agents,
        each.handled,
        each.queued,
        each.duplicates,
        each.forwarded,
        each.faults,
        bytes(each.heapBytes),
      ])
      return {
        data,
        text: table(['place', 'agents', 'handled', 'queued', 'duplicates', 'forwarded', 'faults', 'heap'], rows),
      }
    }
    const { id } = await session.node(words.ID)
    const data = await session.box.agentStatistics(session.client, id)
    const rows = data.map((each) => [
      each.id,
      each.place,
      each.status,
      each.handled,
      each.queued,
      each.timers,
      each.asks,
    ])
    return { data, text: table(['id', 'place', 'status', 'handled', 'queued', 'timers', 'asks'], rows) }
  },
}
