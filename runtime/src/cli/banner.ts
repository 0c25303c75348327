import type { LattNode } from '../latt/latt.js'
import type { Session } from './session.js'
import { counted, table } from './text.js'
import { shown as text } from './values.js'

/** A gateway that says where it listens is shown with it; the start waits no longer than this. */
const ADDRESS_TIMEOUT_MS = 1000
const MOST_AGENTS = 20

async function addressOf(node: LattNode, session: Session): Promise<string> {
  if (node.role !== 'gateway') return ''
  try {
    const address = await session.client.call(node.id, 'address', {}, { timeoutMs: ADDRESS_TIMEOUT_MS })
    const { host, port } = (address ?? {}) as { host?: unknown; port?: unknown }
    return typeof host === 'string' && typeof port === 'number' ? `${host}:${port}` : text(address)
  } catch {
    // Not every gateway has an address to tell.
    return ''
  }
}

/** A transformation that would be carried out as it stands; whether it would is what a dry run says. */
async function sampleTransformation(session: Session, agents: readonly LattNode[]): Promise<string | undefined> {
  for (const { name, options } of await session.controller.plugins()) {
    const sample = Object.fromEntries(Object.keys(options).map((option) => [option, 2]))
    for (const { id } of agents) {
      try {
        await session.controller.change({ verb: 'transform', id, plugin: name, options: sample, dryRun: true })
        return [`transform ${id} ${name}`, ...Object.keys(sample).map((option) => `${option}=2`)].join(' ')
      } catch {
        // It does not fit, or its options are no numbers: the next may do.
      }
    }
  }
  return undefined
}

async function suggestions(session: Session, nodes: readonly LattNode[]): Promise<string[]> {
  const agents = nodes.filter((node) => node.role === 'agent')
  const [first] = agents
  if (first === undefined) return ['show latt', 'show boxes', 'help call']
  const plain = agents.filter((node) => node.applied === undefined)
  return ['show latt', `state ${first.id}`, (await sampleTransformation(session, plain)) ?? 'help transform']
}

/** What is shown when a session begins: what runs, where, and what to try. */
export async function banner(session: Session): Promise<string> {
  const { name, latt } = await session.controller.latt()
  const boxes = await session.controller.boxes()
  const threads = boxes.flatMap((box) => box.threads).filter(({ place }) => !place.endsWith('/0')).length
  const shown = latt.children.slice(0, MOST_AGENTS)
  const addresses = await Promise.all(shown.map((node) => addressOf(node, session)))
  const rows = shown.map((node, index) => [node.id, node.kind, node.applied?.plugin ?? '', addresses[index] ?? ''])
  const agents = table(['', '', '', ''], rows).split('\n').slice(1)
  return [
    `${name} runs on box ${session.box.name} with ${counted(threads, 'thread')}:`,
    ...agents.map((line) => `  ${line}`),
    ...(latt.children.length > shown.length ? [`  and ${latt.children.length - shown.length} more: show agents`] : []),
    'Try:',
    ...(await suggestions(session, latt.children)).map((line) => `  ${line}`),
    'help lists the commands, Tab completes, Ctrl-D leaves.',
  ].join('\n')
}
