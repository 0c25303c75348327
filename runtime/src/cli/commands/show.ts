import type { LattNode } from '../../latt/latt.js'
import { lattTree, printTree, type TreeItem } from '../../latt/print.js'
import { OvidError } from '../../message/errors.js'
import { type Answer, type Command, word } from '../command.js'
import type { Session } from '../session.js'
import { table } from '../text.js'
import { shortened } from '../words.js'
import { planText } from './change-text.js'

async function latt({ controller }: Session): Promise<Answer> {
  const data = await controller.latt()
  const where = new Map(
    (await controller.agents()).map(({ id, place, status }) => [
      id,
      status === 'running' ? place : `${place} ${status}`,
    ]),
  )
  const note = (node: LattNode) => where.get(node.id) ?? ''
  return { data, text: `${printTree(lattTree(data.latt, data.name, note))}\nepoch ${data.epoch}` }
}

async function boxes({ controller }: Session): Promise<Answer> {
  const data = await controller.boxes()
  const agents = await controller.agents()
  const threadItem = (place: string, status: string): TreeItem => {
    const here = agents.filter((agent) => agent.place === place && agent.status !== 'lost')
    const note = place.endsWith('/0') ? '  main thread' : ''
    return {
      text: `${place}${note}${status === 'running' ? '' : `  ${status}`}`,
      children: here.map(({ id, status: health }) => ({
        text: health === 'running' ? id : `${id}  ${health}`,
        children: [],
      })),
    }
  }
  const trees = data.map((box) => ({
    text: box.name,
    children: box.threads.map((thread) => threadItem(thread.place, thread.status)),
  }))
  return { data, text: trees.map(printTree).join('\n') }
}

async function agents({ controller }: Session): Promise<Answer> {
  const data = await controller.agents()
  const rows = data.map(({ id, kind, version, role, place, status }) => [id, kind, version, role, place, status])
  return { data, text: table(['id', 'kind', 'version', 'role', 'place', 'status'], rows) }
}

async function clients({ controller, client }: Session): Promise<Answer> {
  const data = await controller.clients()
  const rows = data.map(({ id, place }) => [id, place, id === client.id ? 'this session' : ''])
  return { data, text: table(['id', 'place', ''], rows) }
}

async function routes({ controller }: Session): Promise<Answer> {
  const data = await controller.routes()
  const rows = data.map(({ source, name, target }) => [source, name, target])
  return {
    data,
    text: data.length === 0 ? 'no agent has asked for another yet' : table(['source', 'name', 'leads to'], rows),
  }
}

/** The plug-ins and their options; `plugin list` answers the same. */
async function plugins({ controller }: Session): Promise<Answer> {
  const data = await controller.plugins()
  const text = data.map(({ name, version, options }) =>
    [`${name} ${version}`, ...Object.entries(options).map(([option, meaning]) => `  ${option}=…  ${meaning}`)].join(
      '\n',
    ),
  )
  return {
    data,
    text: data.length === 0 ? 'no plug-in is registered; a system names its plug-ins in `plugins`' : text.join('\n'),
  }
}

async function plan({ controller }: Session): Promise<Answer> {
  try {
    const data = await controller.plan()
    const waiting = data.waitsFor.length > 0 ? `, waits for ${data.waitsFor.join(', ')}` : ''
    return { data, text: `plan ${data.number}, stage ${data.stage}${waiting}\n${planText(data)}` }
  } catch (error) {
    if (error instanceof OvidError && error.code === 'no-such-plan') return { data: null, text: error.message }
    throw error
  }
}

async function faults({ controller }: Session): Promise<Answer> {
  const data = await controller.faults()
  const rows = data.map(({ atMs, id, place, code, message }) => [
    new Date(atMs).toISOString(),
    id,
    place,
    code,
    shortened(message, 200),
  ])
  return { data, text: data.length === 0 ? 'none' : table(['time', 'agent', 'place', 'code', 'message'], rows) }
}

const topics: Readonly<Record<string, (session: Session) => Promise<Answer>>> = {
  latt,
  boxes,
  agents,
  routes,
  plugins,
  plan,
  faults,
  clients,
}

/** `show TOPIC` */
export const show: Command = {
  name: 'show',
  summary: 'Shows the LATT, boxes, agents, routes, plug-ins, the plan under way, faults or clients.',
  details: [
    'latt: the tree of virtual and physical agents, and where each physical one runs',
    'boxes: the threads of each box and what runs on them',
    'routes: which physical agent each name leads to, for those that asked',
    'faults: what went wrong in agents and threads',
  ],
  examples: ['show latt', 'show boxes'],
  parameters: [{ name: 'TOPIC', kind: 'choice', choices: Object.keys(topics) }],
  run: async (session, given) => (topics[word(given, 'TOPIC')] ?? latt)(session),
}

/** `plugin list` */
export const plugin: Command = {
  name: 'plugin',
  summary: 'Lists the plug-ins and their options.',
  examples: ['plugin list'],
  parameters: [{ name: 'ACTION', kind: 'choice', choices: ['list'] }],
  run: (session) => plugins(session),
}
