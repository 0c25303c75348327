import type { ChangeResult } from '../../controller/state.js'
import { invariant, OvidError } from '../../message/errors.js'
import { type Answer, type Command, word } from '../command.js'
import { readLine } from '../read-line.js'
import type { Session } from '../session.js'
import { bytes, duration, table } from '../text.js'
import { changeText, resultText } from './change-text.js'

/** The controller defers its reply until the change is done: it is never null. */
function answer(result: ChangeResult | null): Answer {
  invariant(result !== null, 'reply')
  return { data: result, text: resultText(result) }
}

/** `transform ID PLUGIN key=value …` */
export const transform: Command = {
  name: 'transform',
  summary: 'Applies a transformation to an agent, or changes the options of the one it has, while it runs.',
  details: [
    'Nothing is lost, doubled or reordered meanwhile. `plugin list` shows the plug-ins and their options.',
    'accept=weaker allows a change that would lose a guarantee.',
  ],
  examples: ['transform KVS shard shards=3', 'transform KVS shard shards=5 --dry-run'],
  parameters: [
    { name: 'ID', kind: 'agent' },
    { name: 'PLUGIN', kind: 'plugin' },
    { name: 'OPTIONS', kind: 'options', optional: true },
  ],
  changes: true,
  run: async (session, given) => {
    const { id } = await session.node(word(given, 'ID'))
    const { accept, ...options } = given.options
    const plugin = word(given, 'PLUGIN')
    const weaker = accept === undefined ? {} : { accept: String(accept) }
    const request = { verb: 'transform' as const, id, plugin, options, dryRun: given.dryRun, ...weaker }
    try {
      return answer(await session.controller.change(request))
    } catch (error) {
      throw await withOptions(error, session, plugin)
    }
  },
}

/** What a schema refuses it refuses in its own words; what the options are meant for stands in the plug-in. */
async function withOptions(error: unknown, session: Session, plugin: string): Promise<unknown> {
  if (!(error instanceof OvidError) || error.code !== 'option-invalid') return error
  const plugins = await session.controller.plugins()
  const described = Object.entries(plugins.find(({ name }) => name === plugin)?.options ?? {})
  if (described.length === 0) return error
  const options = described.map(([name, meaning]) => `${name}=… (${meaning})`)
  return new OvidError(error.code, `${error.message}. Options of ${plugin}: ${options.join(', ')}`)
}

/** `untransform ID` */
export const untransform: Command = {
  name: 'untransform',
  summary: 'Takes the transformation off an agent: one agent takes over from its parts, with all they had.',
  examples: ['untransform KVS'],
  parameters: [{ name: 'ID', kind: 'agent' }],
  changes: true,
  run: async (session, given) => {
    const { id } = await session.node(word(given, 'ID'))
    return answer(await session.controller.change({ verb: 'untransform', id, dryRun: given.dryRun }))
  },
}

/** `move ID BOX[/THREAD]` */
export const move: Command = {
  name: 'move',
  summary: 'Moves a physical agent to another thread.',
  details: [
    'The place is a thread (main/2), just its number where there is one box (2), or a box: its thread with the fewest agents.',
  ],
  examples: ['move KVS main/2', 'move KVS/Shard2 1'],
  parameters: [
    { name: 'ID', kind: 'agent' },
    { name: 'PLACE', kind: 'place' },
  ],
  changes: true,
  run: async (session, given) => {
    const { id } = await session.node(word(given, 'ID'))
    const place = await session.place(word(given, 'PLACE'), id)
    return answer(await session.controller.change({ verb: 'move', id, place, dryRun: given.dryRun }))
  },
}

/** `undo` */
export const undo: Command = {
  name: 'undo',
  summary: 'Takes the last change back. Upgrades cannot be undone.',
  parameters: [],
  changes: true,
  run: async (session, given) => answer(await session.controller.undo({ dryRun: given.dryRun })),
}

/** `history` */
export const history: Command = {
  name: 'history',
  summary: 'Lists the changes made and not taken back, the last one last.',
  parameters: [],
  run: async ({ controller }) => {
    const data = await controller.history()
    const rows = data.map(({ epoch, change, pauseMs, movedBytes, undo: back }) => [
      epoch,
      changeText(change),
      duration(pauseMs),
      bytes(movedBytes),
      back === undefined ? 'cannot be undone' : changeText(back),
    ])
    return {
      data,
      text:
        data.length === 0 ? 'nothing was changed yet' : table(['epoch', 'change', 'pause', 'moved', 'undone by'], rows),
    }
  },
}

/** `plan CHANGE …` */
export const plan: Command = {
  name: 'plan',
  summary: 'Shows what a change would do, and changes nothing.',
  examples: ['plan transform KVS shard shards=3', 'plan undo'],
  parameters: [{ name: 'CHANGE', kind: 'text' }],
  run: async (session, given) => {
    const { command, given: inner } = await readLine(word(given, 'CHANGE'), session)
    if (command.changes !== true) {
      const names = session.commands.filter((each) => each.changes).map((each) => each.name)
      throw new OvidError('command-invalid', `plan: ${command.name} changes nothing; plan takes ${names.join(', ')}`)
    }
    return command.run(session, { ...inner, dryRun: true })
  },
}

/** `upgrade ID MODULE` */
export const upgrade: Command = {
  name: 'upgrade',
  summary: "Replaces an agent's code by a later version while it runs; its `migrate` takes the state over.",
  details: ['MODULE is a path, or path#export. All parts of a transformed agent follow.'],
  examples: ['upgrade KVS examples/kvs/kvs-v2.ts'],
  parameters: [
    { name: 'ID', kind: 'agent' },
    { name: 'MODULE', kind: 'module' },
  ],
  changes: true,
  run: async (session, given) => {
    const { id, kind } = await session.node(word(given, 'ID'))
    const code = await session.box.loadUpgrade(word(given, 'MODULE'), kind)
    return answer(await session.controller.change({ verb: 'upgrade', id, ...code, dryRun: given.dryRun }))
  },
}
