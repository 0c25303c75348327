import { type GoneMessage, hostId } from '../box/protocol.js'
import { leaves } from '../latt/latt.js'
import { parentOf } from '../latt/path.js'
import type { Place } from '../message/envelope.js'
import { type Physical, physicalAt, withoutOrphans } from './deployment.js'
import { placeLost } from './execution.js'
import { spawned } from './misses.js'
import { alivePlaces, type Desk, type Fault } from './state.js'

const MOST_FAULTS = 200

/** A client has left. */
export function leave(desk: Desk, id: string): void {
  const { state, context } = desk
  if (state.active !== undefined) {
    state.leaving.push(id)
    return
  }
  const { deployment } = state
  const client = deployment.clients.get(id)
  if (client === undefined) return
  const clients = new Map(deployment.clients)
  clients.delete(id)
  const latt = withoutOrphans(deployment.latt, clients)
  const stays = latt === deployment.latt ? undefined : new Set(leaves(latt).map((leaf) => leaf.id))
  const orphans = stays === undefined ? [] : [...deployment.agents.values()].filter((agent) => !stays.has(agent.id))
  const gone: GoneMessage = {
    ids: [id, ...orphans.map((agent) => agent.id)],
    serials: [client.serial, ...orphans.map((agent) => agent.serial)],
  }
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
  const clients = new Map([...state.deployment.clients].filter(([, client]) => client.place !== place))
  state.deployment = {
    ...state.deployment,
    agents: mark(state.deployment.agents),
    clients,
    places: state.deployment.places.filter((each) => each !== place),
  }
  for (const agent of lost)
    addFault(desk, { id: agent.id, place, code: 'agent-lost', message: reason, atMs: context.now })
  const ids = lost.map((agent) => agent.id)
  for (const each of alivePlaces(state)) context.tell(hostId(each), 'lost', { ids })
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
      context.tell(hostId(each), '$fence', { plan: state.active.number, from: place })
  }
}

export function addFault({ state }: Desk, fault: Fault): void {
  state.faults.push(fault)
  if (state.faults.length > MOST_FAULTS) state.faults.shift()
}

/** main/2 before main/10. */
function byNumber(a: Place, b: Place): number {
  return a.length - b.length || (a < b ? -1 : 1)
}
