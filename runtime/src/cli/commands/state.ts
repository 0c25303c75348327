import { type Command, word } from '../command.js'
import { counted } from '../text.js'
import { shown } from '../values.js'

/** `state ID` */
export const state: Command = {
  name: 'state',
  summary: "Shows an agent's state; a virtual agent's is put together from its parts.",
  details: ['Long states are cut here; --json shows them whole. The agent runs on meanwhile.'],
  examples: ['state KVS', 'state KVS/Shard1'],
  parameters: [{ name: 'ID', kind: 'agent' }],
  run: async (session, given) => {
    const node = await session.node(word(given, 'ID'))
    const data = await session.box.inspect(session.client, node.id)
    const waits = [
      ...(data.timers.length > 0 ? [`${counted(data.timers.length, 'timer')} set`] : []),
      ...(data.asks.length > 0 ? [`waits for ${counted(data.asks.length, 'answer')}`] : []),
      ...(data.deferred.length > 0
        ? [`owes ${counted(data.deferred.length, 'reply').replace('replys', 'replies')}`]
        : []),
    ]
    const how = node.applied === undefined ? '' : ', lifted from its parts'
    return { data, text: [`${node.id} at epoch ${data.epoch}${how}`, shown(data.state), ...waits].join('\n') }
  },
}
