import { hostId, type RouteMessage, type SpawnMessage } from '../box/protocol.js'
import { type LattNode, type Resolution, resolve } from '../latt/latt.js'
import { isWithin, parentOf } from '../latt/path.js'
import type { Place } from '../message/envelope.js'
import { deployIngress, type Physical, physicalAt } from './deployment.js'
import type { ActivePlan } from './execution.js'
import { type Plan, startSpec } from './plan.js'
import type { Desk, Resolve } from './state.js'

/** Answers an ART miss. */
export function answer(desk: Desk, miss: Resolve): void {
  const { state } = desk
  const { source, name } = miss
  const asking = physicalAt(state.deployment, source)
  // Nothing can be made near a place that is lost.
  if (asking === undefined || asking.status === 'lost') return
  const { place } = asking
  const found = resolve(state.deployment.latt, source, name)
  if (found.found === 'unknown') {
    tellRoute(desk, place, { source, name, error: { code: 'unknown-agent', message: found.why } })
  } else if (mustWait(desk, miss, found)) {
    state.misses.push(miss)
  } else if (found.found === 'no-ingress') {
    spawnIngress(desk, miss, found.node)
  } else {
    answerWith(desk, miss, place, found.id)
  }
}

/** Whether an answer would have to be taken back by the plan under way. */
function mustWait({ state }: Desk, miss: Resolve, found: Exclude<Resolution, { found: 'unknown' }>): boolean {
  const region = state.active?.committed === false ? state.active.plan.region : undefined
  const target = found.found === 'agent' ? found.id : found.node.id
  if (region === undefined || !isWithin(target, region) || isWithin(miss.source, region)) return false
  // The new layout has a proxy for everyone who was a client when it was planned, and for nobody else.
  return found.found === 'no-ingress' || state.deployment.given.get(region)?.has(miss.source) !== true
}

function answerWith(desk: Desk, miss: Resolve, place: Place, id: string): void {
  const { state } = desk
  const { source, name } = miss
  const spawning = state.spawns.get(id)
  if (spawning !== undefined) {
    spawning.waiting.push(miss)
    return
  }
  const target = state.deployment.agents.get(id)
  if (target === undefined || target.status === 'lost') {
    tellRoute(desk, place, {
      source,
      name,
      error: { code: 'agent-lost', message: `${id} was lost with its thread; its state is gone` },
    })
    return
  }
  for (const node of virtualAgentsOn(name, id)) noteGiven(desk, node, source)
  tellRoute(desk, place, { source, name, target: id, place: target.place })
}

/** Every agent on the way from a name to what it leads to: the source is a client of each. */
function virtualAgentsOn(name: string, id: string): string[] {
  const found = [id]
  for (let at = id; at !== name && at !== ''; at = parentOf(at)) found.push(parentOf(at))
  return found
}

function noteGiven({ state }: Desk, name: string, source: string): void {
  const sources = state.deployment.given.get(name)
  if (sources === undefined) state.deployment.given.set(name, new Set([source]))
  else sources.add(source)
}

function spawnIngress(desk: Desk, miss: Resolve, node: LattNode): void {
  const { state, context, store } = desk
  const made = deployIngress(state.deployment, node.id, miss.source, store)
  state.deployment = made.deployment
  const { active } = state
  if (active?.committed === false) {
    // The plan's outcome must know the proxy as well, or its end if its client ends.
    active.plan = withSpawned(desk, active, made.ingress, made.node, node.id)
  }
  const ticket = state.nextTicket++
  state.spawns.set(made.ingress.id, { ticket, id: made.ingress.id, waiting: [miss] })
  const { place, ...agent } = startSpec(state.deployment, made.ingress.id)
  const held =
    active?.committed === false && active.plan.region !== undefined && isWithin(agent.id, active.plan.region)
      ? { plan: active.number, region: active.plan.region }
      : undefined
  const message: SpawnMessage = {
    ticket,
    agents: [agent],
    ...(held !== undefined && active?.stage !== 'start' && { held }),
  }
  context.tell(hostId(place), 'spawn', message)
}

/** The plan under way, as it has to know a proxy that came up meanwhile. */
function withSpawned(
  { state, store }: Desk,
  active: ActivePlan,
  ingress: Physical,
  node: LattNode,
  parent: string,
): Plan {
  const { plan } = active
  const { recipe, region } = plan
  const inside = recipe !== undefined && region !== undefined && isWithin(ingress.id, region)
  const client = node.client ?? ''
  // A client may have joined since the plan was made; those that leave do so after its end.
  const { clients } = state.deployment
  const survives =
    clients.has(client) || plan.after.agents.get(client)?.serial === state.deployment.agents.get(client)?.serial
  if (inside || !survives) {
    const old = [ingress.id, ingress.place] as const
    const olds = inside ? { recipe: { ...recipe, olds: [...recipe.olds, old] } } : {}
    return { ...plan, ...olds, stops: [...plan.stops, old], goneSerials: [...plan.goneSerials, ingress.serial] }
  }
  const after = deployIngress({ ...plan.after, clients, nextSerial: ingress.serial }, parent, client, store).deployment
  return { ...plan, after: { ...after, agents: new Map(after.agents).set(ingress.id, { ...ingress }) } }
}

/** A proxy is up, or cannot be started: who waited for it is answered. */
export function spawned(desk: Desk, message: { ticket: number; error?: { code: string; message: string } }): void {
  const { state } = desk
  const spawn = [...state.spawns.values()].find((each) => each.ticket === message.ticket)
  if (spawn === undefined) return
  state.spawns.delete(spawn.id)
  for (const miss of spawn.waiting) {
    if (message.error === undefined) answer(desk, miss)
    else tellRoute(desk, miss.place, { source: miss.source, name: miss.name, error: message.error })
  }
}

function tellRoute({ context }: Desk, place: Place, route: RouteMessage): void {
  context.tell(hostId(place), 'route', route)
}
