import { type GoneMessage, hostId, type LostMessage } from '../box/protocol.js'
import { findNode, leaves } from '../latt/latt.js'
import { parentOf } from '../latt/path.js'
import type { Place } from '../message/envelope.js'
import { type Physical, physicalAt, withoutOrphans } from './deployment.js'
import { placeLost } from './execution.js'
import { spawned } from './misses.js'
import { alivePlaces, type Desk, type Fault } from './state.js'

const MOST_FAULTS = 200

/** A client has left. */
export function leave(desk: Desk, id: string): void {
  desk.state.leaving.push(id)
  tidy(desk)
}

/**
 * Forgets clients that have left, the cursors of all that has ended, and proxies of either. A plan under way comes
 * first: it has a place for them, and what they sent may still be forwarded.
 */
export function tidy(desk: Desk): void {
  const { state, context } = desk
  if (state.active !== undefined) return
  const { deployment } = state
  const clients = new Map(deployment.clients)
  const ended = state.leaving.splice(0).flatMap((id) => physicalAt(deployment, id) ?? [])
  for (const { id } of ended) clients.delete(id)
  const latt = withoutOrphans({ ...deployment, clients })
  if (ended.length === 0 && latt === deployment.latt) return
  const stays = latt === deployment.latt ? undefined : new Set(leaves(latt).map((leaf) => leaf.id))
  const orphans = stays === undefined ? [] : [...deployment.agents.values()].filter((agent) => !stays.has(agent.id))
  const all = [...ended, ...orphans]
  const gone: GoneMessage = { ids: all.map(({ id }) => id), serials: all.map(({ serial }) => serial) }
  const agents = new Map(deployment.agents)
  for (const orphan of orphans) agents.delete(orphan.id)
  state.deployment = { ...deployment, clients, agents, latt }
  forgetSources(desk)
  for (const place of alivePlaces(state)) context.tell(hostId(place), 'gone', gone)
}

/** Sources that are gone are no clients any more. */
export function forgetSources({ state }: Desk): void {
  for (const [name, sources] of state.deployment.given) {
    for (const source of sources) if (physicalAt(state.deployment, source) === undefined) sources.delete(source)
    if (sources.size === 0) state.deployment.given.delete(name)
  }
}

export function threadUp({ state }: Desk, place: Place): void {
  const name = parentOf(place)
  const box = state.boxes.get(name) ?? { threads: new Map<Place, 'running' | 'lost'>() }
  box.threads.set(place, 'running')
  state.boxes.set(name, box)
  const { places } = state.deployment
  if (!place.endsWith('/0') && !places.includes(place))
    state.deployment = { ...state.deployment, places: [...places, place].sort(byNumber) }
}

export function threadLost(desk: Desk, place: Place, reason: string): void {
  const { state, context } = desk
  const box = state.boxes.get(parentOf(place))
  if (box === undefined || box.threads.get(place) === 'lost') return
  box.threads.set(place, 'lost')
  const mark = (agents: ReadonlyMap<string, Physical>) =>
    new Map(
      [...agents].map(([id, agent]) => [id, agent.place === place ? { ...agent, status: 'lost' as const } : agent]),
    )
  const lost = [...state.deployment.agents.values(), ...state.deployment.clients.values()].filter(
    (agent) => agent.place === place && agent.status !== 'lost',
  )
  state.deployment = {
    ...state.deployment,
    agents: mark(state.deployment.agents),
    clients: mark(state.deployment.clients),
    places: state.deployment.places.filter((each) => each !== place),
  }
  for (const agent of lost)
    addFault(desk, { id: agent.id, place, code: 'agent-lost', message: reason, atMs: context.now })
  const ids = lost.map((agent) => agent.id)
  const isMissed = (id: string) => (findNode(state.deployment.latt, id)?.role ?? 'ingress') !== 'ingress'
  const message: LostMessage = { place, ids, missed: ids.filter(isMissed) }
  for (const each of alivePlaces(state)) context.tell(hostId(each), 'lost', message)
  for (const spawn of [...state.spawns.values()]) {
    if (ids.includes(spawn.id))
      spawned(desk, {
        ticket: spawn.ticket,
        error: { code: 'agent-lost', message: `${spawn.id} was lost with its thread` },
      })
  }
  if (state.active !== undefined) {
    placeLost(state.active, place, reason)
    for (const each of state.active.committed ? alivePlaces(state) : [])
      context.tell(hostId(each), 'fence', { plan: state.active.number, from: place })
  }
  state.leaving.push(...lost.map(({ id }) => id))
  tidy(desk)
}

export function addFault({ state }: Desk, fault: Fault): void {
  state.faults.push(fault)
  if (state.faults.length > MOST_FAULTS) state.faults.shift()
}

/** main/2 before main/10. */
function byNumber(a: Place, b: Place): number {
  return a.length - b.length || (a < b ? -1 : 1)
}
