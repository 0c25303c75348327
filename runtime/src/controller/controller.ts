import type { Context, DeferredToken } from '../agent/context.js'
import { defineAgent } from '../agent/definition.js'
import type { AckMessage, DrainedMessage } from '../box/protocol.js'
import { boxManagerId, type GoneMessage, hostId, type RouteMessage, type SpawnMessage } from '../box/protocol.js'
import type { CodeStore } from '../latt/code.js'
import { findNode, type LattNode, leaves, type Resolution, resolve, transformationOf } from '../latt/latt.js'
import { isWithin, parentOf } from '../latt/path.js'
import type { Place } from '../message/envelope.js'
import { errorBody, OvidError } from '../message/errors.js'
import { type Boot, bootDeployment, emptyDeployment } from './boot.js'
import {
  type Change,
  type Deployment,
  deployIngress,
  nextDeployment,
  nodeAt,
  type Physical,
  type Plugin,
  physicalAt,
  withoutOrphans,
} from './deployment.js'
import { type ActivePlan, acknowledge, beginPlan, drained, type PlanEnd, placeLost, tickPlan } from './execution.js'
import { type PlanSummary, planBetween, startSpec, summarise } from './plan.js'

/** How often the controller looks after a plan under way, ms. */
const TICK_MS = 100
const MOST_FAULTS = 200
const MOST_WAITING = 1000

export interface Fault {
  readonly id: string
  readonly place: Place
  readonly code: string
  readonly message: string
  readonly atMs: number
}

/** What came of a change. */
export interface ChangeResult extends PlanSummary {
  /** From the first agent that was held or wedged until the new layout was released, ms. 0 on a dry run. */
  readonly pauseMs: number
  readonly tookMs: number
  readonly movedBytes: number
  readonly dryRun: boolean
}

export interface HistoryEntry {
  readonly epoch: number
  readonly change: Change
  readonly undo: Change | undefined
  readonly pauseMs: number
  readonly movedBytes: number
  readonly atMs: number
}

interface Waiting {
  readonly change: Change
  readonly token: DeferredToken | undefined
  readonly isUndo: boolean
}

interface Resolve {
  readonly source: string
  readonly name: string
  readonly place: Place
}

/** An ingress proxy on its way up, and who waits for it. */
interface Spawn {
  readonly ticket: number
  readonly id: string
  readonly waiting: Resolve[]
}

/** All the controller knows. Plain data. */
export interface ControllerState {
  name: string
  deployment: Deployment
  plugins: Map<string, Plugin>
  boxes: Map<string, { threads: Map<Place, 'running' | 'lost'> }>
  nextPlan: number
  nextTicket: number
  nextClient: number
  active: ActivePlan | undefined
  readonly waiting: Waiting[]
  readonly spawns: Map<string, Spawn>
  /** Misses that wait for the end of the plan under way. */
  readonly misses: Resolve[]
  readonly leaving: string[]
  readonly history: HistoryEntry[]
  readonly faults: Fault[]
  bootToken: DeferredToken | undefined
  planTimeoutMs: number
}

function alivePlaces(state: ControllerState): Place[] {
  return [...state.boxes.values()].flatMap((box) =>
    [...box.threads].filter(([, status]) => status === 'running').map(([place]) => place),
  )
}

/** Hands what a plan wants done to the box managers. */
function sendOperations(context: Context, active: ActivePlan, operations: ReadonlyMap<Place, unknown>): void {
  const byBox = new Map<string, [Place, unknown][]>()
  for (const [place, operation] of operations) {
    const box = parentOf(place)
    const list = byBox.get(box)
    if (list === undefined) byBox.set(box, [[place, operation]])
    else list.push([place, operation])
  }
  for (const [box, list] of byBox) context.tell(boxManagerId(box), 'stage', { plan: active.number, operations: list })
}

/**
 * The agent `controller`: owns the LATT, answers routing misses, and carries out changes. A deterministic
 * state machine like every other agent; it knows code only by name, through `store`.
 */
export function controllerDefinition(store: CodeStore) {
  // ----------------------------------------------------------------------------------------------- changes

  const guaranteesOf = (state: ControllerState, change: Change) => {
    const none = { gains: [] as readonly string[], loses: [] as readonly string[] }
    if (change.verb !== 'transform') return none
    const node = findNode(state.deployment.latt, change.id)
    const plugin = state.plugins.get(change.plugin)
    if (node === undefined || plugin === undefined) return none
    return transformationOf(store, plugin.code).guarantees?.(change.options) ?? none
  }

  const prepare = (state: ControllerState, change: Change) => {
    const next = nextDeployment(state.deployment, change, state.plugins, store)
    return planBetween(state.deployment, change, next, store)
  }

  const checkGuarantees = (state: ControllerState, change: Change, accept: string | undefined) => {
    const { loses } = guaranteesOf(state, change)
    if (loses.length > 0 && accept !== 'weaker') {
      throw new OvidError(
        'weakens-guarantee',
        `${change.verb} ${change.id} would lose: ${loses.join('; ')}. Say accept=weaker if that is meant`,
      )
    }
  }

  const submit = (
    state: ControllerState,
    request: ChangeRequest,
    context: Context,
    isUndo = false,
  ): ChangeResult | undefined => {
    const { dryRun = false, accept, ...change } = request
    checkGuarantees(state, change, accept)
    if (dryRun) {
      const plan = prepare(state, change)
      return { ...summarise(plan, guaranteesOf(state, change)), pauseMs: 0, tookMs: 0, movedBytes: 0, dryRun: true }
    }
    if (state.waiting.length >= MOST_WAITING)
      throw new OvidError('controller-busy', `${MOST_WAITING} changes are waiting already`)
    // An unsound change is refused at once; one that waits is checked again when its turn comes.
    if (state.active === undefined && state.waiting.length === 0) prepare(state, change)
    state.waiting.push({ change, token: context.defer(), isUndo })
    takeNext(state, context)
    return undefined
  }

  /** Begins the next change if none is under way. */
  const takeNext = (state: ControllerState, context: Context): void => {
    while (state.active === undefined && state.bootToken === undefined && state.spawns.size === 0) {
      const head = state.waiting.shift()
      if (head === undefined) return
      try {
        const plan = prepare(state, head.change)
        // Serials of the new agents are taken, whether the plan ends well or not.
        state.deployment = { ...state.deployment, nextSerial: plan.after.nextSerial }
        state.active = beginPlan(state.nextPlan++, plan, head.token, head.isUndo, context.now, state.planTimeoutMs)
      } catch (error) {
        const { code, message } = errorBody(error)
        if (head.token !== undefined) context.refuse(head.token, code, message)
        continue
      }
      advance(state, context)
    }
  }

  /** Lets the plan under way go as far as it can. */
  const advance = (state: ControllerState, context: Context): void => {
    const { active } = state
    if (active === undefined) return
    context.setTimer({ handler: 'tick', afterMs: TICK_MS })
    for (;;) {
      if (waitsForSpawns(state, active)) return
      const step = tickPlan(active, context.now, alivePlaces(state))
      if (step.send !== undefined) sendOperations(context, active, step.send)
      if (step.commit) commit(state, active)
      if (step.end !== undefined) {
        finish(state, active, step.end, context)
        return
      }
      if (!step.again) return
    }
  }

  /**
   * A proxy on its way up is held with the rest of its subtree, so it must be there by then; and what ends at
   * the commit must have begun before.
   */
  const waitsForSpawns = (state: ControllerState, active: ActivePlan): boolean => {
    if (active.failure !== undefined || active.waiting.size > 0 || !active.sent) return false
    const { region } = active.plan
    if (active.stage === 'start')
      return [...state.spawns.keys()].some((id) => region !== undefined && isWithin(id, region))
    return active.stage === 'carry' && state.spawns.size > 0
  }

  /** The one point of no return: from here on every failure ends with the new layout. */
  const commit = (state: ControllerState, active: ActivePlan): void => {
    const { after } = active.plan
    const agents = new Map(after.agents)
    for (const [id, physical] of agents) {
      const now = state.deployment.agents.get(id)
      const known = now?.serial === physical.serial ? now.status : physical.status
      const status =
        state.boxes.get(parentOf(physical.place))?.threads.get(physical.place) === 'running' ? known : 'lost'
      if (status !== physical.status) agents.set(id, { ...physical, status })
    }
    const { clients, places, nextSerial, given } = state.deployment
    state.deployment = { ...after, agents, clients, places, nextSerial, given }
    forgetSources(state)
  }

  /** Sources that are gone are no clients any more. */
  const forgetSources = (state: ControllerState): void => {
    for (const [name, sources] of state.deployment.given) {
      for (const source of sources) if (physicalAt(state.deployment, source) === undefined) sources.delete(source)
      if (sources.size === 0) state.deployment.given.delete(name)
    }
  }

  const finish = (state: ControllerState, active: ActivePlan, end: PlanEnd, context: Context): void => {
    state.active = undefined
    context.clearTimer('tick')
    const { plan } = active
    if (end.failed !== undefined) {
      if (active.token !== undefined) context.refuse(active.token, end.failed.code, end.failed.message)
    } else {
      const { pauseMs, movedBytes } = end
      const entry: HistoryEntry = {
        epoch: plan.after.epoch,
        change: plan.change,
        undo: plan.undo,
        pauseMs,
        movedBytes,
        atMs: context.now,
      }
      if (active.isUndo) state.history.pop()
      else state.history.push(entry)
      if (state.history.length > 1000) state.history.shift()
      const result: ChangeResult = {
        ...summarise(plan, guaranteesOf(state, plan.change)),
        pauseMs,
        tookMs: context.now - active.startedAtMs,
        movedBytes,
        dryRun: false,
      }
      if (active.token !== undefined) context.reply(active.token, result)
    }
    for (const id of state.leaving.splice(0)) leave(state, id, context)
    for (const miss of state.misses.splice(0)) answer(state, miss, context)
    takeNext(state, context)
  }

  // ------------------------------------------------------------------------------------------------ misses

  const tellRoute = (context: Context, place: Place, route: RouteMessage): void =>
    context.tell(hostId(place), 'route', route)

  const noteGiven = (state: ControllerState, name: string, source: string): void => {
    const sources = state.deployment.given.get(name)
    if (sources === undefined) state.deployment.given.set(name, new Set([source]))
    else sources.add(source)
  }

  /** Whether an answer would have to be taken back by the plan under way. */
  const mustWait = (
    state: ControllerState,
    miss: Resolve,
    found: Exclude<Resolution, { found: 'unknown' }>,
  ): boolean => {
    const region = state.active?.committed === false ? state.active.plan.region : undefined
    const target = found.found === 'agent' ? found.id : found.node.id
    if (region === undefined || !isWithin(target, region) || isWithin(miss.source, region)) return false
    // The new layout has a proxy for everyone who was a client when it was planned, and for nobody else.
    return found.found === 'no-ingress' || state.deployment.given.get(region)?.has(miss.source) !== true
  }

  const answer = (state: ControllerState, miss: Resolve, context: Context): void => {
    const { source, name } = miss
    if (physicalAt(state.deployment, source) === undefined) return
    const place = physicalAt(state.deployment, source)?.place ?? miss.place
    const found = resolve(state.deployment.latt, source, name)
    if (found.found === 'unknown') {
      tellRoute(context, place, { source, name, error: { code: 'unknown-agent', message: found.why } })
    } else if (mustWait(state, miss, found)) {
      state.misses.push(miss)
    } else if (found.found === 'no-ingress') {
      spawnIngress(state, miss, found.node, context)
    } else {
      answerWith(state, miss, place, found.id, context)
    }
  }

  const answerWith = (state: ControllerState, miss: Resolve, place: Place, id: string, context: Context): void => {
    const { source, name } = miss
    const spawning = state.spawns.get(id)
    if (spawning !== undefined) {
      spawning.waiting.push(miss)
      return
    }
    const target = state.deployment.agents.get(id)
    if (target === undefined || target.status === 'lost') {
      tellRoute(context, place, {
        source,
        name,
        error: { code: 'agent-lost', message: `${id} was lost with its thread; its state is gone` },
      })
      return
    }
    for (const node of virtualAgentsOn(name, id)) noteGiven(state, node, source)
    tellRoute(context, place, { source, name, target: id, place: target.place })
  }

  /** Every agent on the way from a name to what it leads to: the source is a client of each. */
  const virtualAgentsOn = (name: string, id: string): string[] => {
    const found = [id]
    for (let at = id; at !== name && at !== ''; at = parentOf(at)) found.push(parentOf(at))
    return found
  }

  const spawnIngress = (state: ControllerState, miss: Resolve, node: LattNode, context: Context): void => {
    const made = deployIngress(state.deployment, node.id, miss.source, store)
    state.deployment = made.deployment
    const { active } = state
    if (active?.committed === false) {
      // The plan's outcome must know the proxy as well, or its end if its client ends.
      active.plan = withSpawned(active, made.ingress, made.node, node.id)
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

  const withSpawned = (active: ActivePlan, ingress: Physical, node: LattNode, parent: string) => {
    const { plan } = active
    const { recipe, region } = plan
    const inside = recipe !== undefined && region !== undefined && isWithin(ingress.id, region)
    const survives =
      physicalAt(plan.after, node.client ?? '')?.serial === physicalAt(plan.before, node.client ?? '')?.serial
    if (inside || !survives) {
      const old = [ingress.id, ingress.place] as const
      const olds = inside ? { recipe: { ...recipe, olds: [...recipe.olds, old] } } : {}
      return { ...plan, ...olds, stops: [...plan.stops, old], goneSerials: [...plan.goneSerials, ingress.serial] }
    }
    const after = deployIngress(
      { ...plan.after, nextSerial: ingress.serial },
      parent,
      node.client ?? '',
      store,
    ).deployment
    return { ...plan, after: { ...after, agents: new Map(after.agents).set(ingress.id, { ...ingress }) } }
  }

  const spawned = (
    state: ControllerState,
    message: { ticket: number; error?: { code: string; message: string } },
    context: Context,
  ): void => {
    const spawn = [...state.spawns.values()].find((each) => each.ticket === message.ticket)
    if (spawn === undefined) return
    state.spawns.delete(spawn.id)
    for (const miss of spawn.waiting) {
      if (message.error === undefined) answer(state, miss, context)
      else tellRoute(context, miss.place, { source: miss.source, name: miss.name, error: message.error })
    }
    if (state.active?.boot === false) advance(state, context)
    takeNext(state, context)
  }

  // ----------------------------------------------------------------------------------- clients and threads

  const leave = (state: ControllerState, id: string, context: Context): void => {
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
    forgetSources(state)
    for (const place of alivePlaces(state)) context.tell(hostId(place), 'gone', gone)
  }

  const threadLost = (state: ControllerState, place: Place, reason: string, context: Context): void => {
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
      addFault(state, { id: agent.id, place, code: 'agent-lost', message: reason, atMs: context.now })
    const ids = lost.map((agent) => agent.id)
    for (const each of alivePlaces(state)) context.tell(hostId(each), 'lost', { ids })
    for (const spawn of [...state.spawns.values()]) {
      if (ids.includes(spawn.id))
        spawned(
          state,
          { ticket: spawn.ticket, error: { code: 'agent-lost', message: `${spawn.id} was lost with its thread` } },
          context,
        )
    }
    if (state.active !== undefined) {
      placeLost(state.active, place, reason)
      for (const each of state.active.committed ? alivePlaces(state) : [])
        context.tell(hostId(each), '$fence', { plan: state.active.number, from: place })
      advance(state, context)
    }
  }

  const threadUp = (state: ControllerState, place: Place): void => {
    const name = parentOf(place)
    const box = state.boxes.get(name) ?? { threads: new Map<Place, 'running' | 'lost'>() }
    box.threads.set(place, 'running')
    state.boxes.set(name, box)
    const { places } = state.deployment
    if (!place.endsWith('/0') && !places.includes(place))
      state.deployment = { ...state.deployment, places: [...places, place].sort() }
  }

  const addFault = (state: ControllerState, fault: Fault): void => {
    state.faults.push(fault)
    if (state.faults.length > MOST_FAULTS) state.faults.shift()
  }

  // --------------------------------------------------------------------------------------------- definition

  return defineAgent({
    kind: 'controller',
    init: (params: { planTimeoutMs?: number }): ControllerState => ({
      name: '',
      deployment: emptyDeployment(),
      plugins: new Map(),
      boxes: new Map(),
      nextPlan: 1,
      nextTicket: 1,
      nextClient: 1,
      active: undefined,
      waiting: [],
      spawns: new Map(),
      misses: [],
      leaving: [],
      history: [],
      faults: [],
      bootToken: undefined,
      planTimeoutMs: params?.planTimeoutMs ?? 30_000,
    }),

    reads: {
      latt: (state) => ({ name: state.name, epoch: state.deployment.epoch, latt: state.deployment.latt }),
      agents: (state) =>
        leaves(state.deployment.latt).map((leaf) => {
          const agent = state.deployment.agents.get(leaf.id)
          return {
            id: leaf.id,
            kind: leaf.kind,
            version: leaf.version,
            role: leaf.role,
            place: agent?.place ?? '',
            status: agent?.status ?? 'lost',
          }
        }),
      clients: (state) => [...state.deployment.clients.values()].map(({ id, place }) => ({ id, place })),
      /** A subtree and where its physical agents are. */
      layout: (state, message: { id: string }) => {
        const node = nodeAt(state.deployment, message.id)
        return {
          epoch: state.deployment.epoch,
          node,
          agents: leaves(node).map((leaf) => ({
            id: leaf.id,
            place: state.deployment.agents.get(leaf.id)?.place ?? '',
            status: state.deployment.agents.get(leaf.id)?.status ?? 'lost',
          })),
        }
      },
      boxes: (state) =>
        [...state.boxes].map(([name, box]) => ({
          name,
          threads: [...box.threads].map(([place, status]) => ({
            place,
            status,
            agents: [...state.deployment.agents.values()].filter(
              (agent) => agent.place === place && agent.status !== 'lost',
            ).length,
          })),
        })),
      routes: (state) =>
        [...state.deployment.given]
          .flatMap(([name, sources]) =>
            [...sources].map((source) => {
              const found = resolve(state.deployment.latt, source, name)
              return { source, name, target: found.found === 'agent' ? found.id : '' }
            }),
          )
          .filter((route) => route.target !== ''),
      plugins: (state) =>
        [...state.plugins.values()].map(({ name, version }) => ({
          name,
          version,
          options: transformationOf(store, state.plugins.get(name)?.code as Plugin['code']).describe ?? {},
        })),
      plan: (state) => {
        const { active } = state
        if (active === undefined) throw new OvidError('no-such-plan', 'no change is under way')
        return {
          number: active.number,
          stage: active.stage,
          waitsFor: [...active.waiting],
          why: active.failure?.message ?? '',
          ...summarise(active.plan, guaranteesOf(state, active.plan.change)),
        }
      },
      faults: (state) => [...state.faults],
      history: (state) => [...state.history],
    },

    writes: {
      boot: (state, boot: Boot, context) => {
        state.name = boot.name
        for (const place of boot.places) threadUp(state, place)
        for (const plugin of boot.plugins) state.plugins.set(plugin.name, plugin)
        state.deployment = bootDeployment(state.deployment, boot, state.plugins, store)
        state.bootToken = context.defer()
        state.active = beginPlan(
          state.nextPlan++,
          bootPlan(state.deployment),
          undefined,
          false,
          context.now,
          state.planTimeoutMs,
        )
        state.active.boot = true
        advanceBoot(state, context)
      },
      change: (state, request: ChangeRequest, context) => submit(state, request, context),
      undo: (state, request: { dryRun?: boolean }, context) => {
        const last = state.history[state.history.length - 1]
        if (last?.undo === undefined) {
          throw new OvidError(
            'nothing-to-undo',
            last === undefined ? 'nothing was changed yet' : `${last.change.verb} ${last.change.id} cannot be undone`,
          )
        }
        return submit(
          state,
          { ...last.undo, ...(request?.dryRun === true && { dryRun: true }), accept: 'weaker' },
          context,
          true,
        )
      },
      registerPlugin: (state, plugin: Plugin) => {
        transformationOf(store, plugin.code)
        state.plugins.set(plugin.name, plugin)
        return true
      },

      // From hosts and box managers.
      resolve: (state, miss: Resolve, context) => answer(state, miss, context),
      locate: (state, message: { id: string; place: Place }, context) => {
        const found = physicalAt(state.deployment, message.id)
        context.tell(hostId(message.place), 'located', {
          id: message.id,
          ...(found !== undefined && found.status !== 'lost' && { place: found.place }),
        })
      },
      join: (state, message: { token: number; place: Place }, context) => {
        const id = `client:${state.nextClient++}`
        const serial = state.deployment.nextSerial
        const clients = new Map(state.deployment.clients).set(id, {
          id,
          serial,
          place: message.place,
          status: 'running',
        })
        state.deployment = { ...state.deployment, clients, nextSerial: serial + 1 }
        context.tell(hostId(message.place), 'joined', { token: message.token, id, serial })
      },
      leave: (state, message: { id: string }, context) => leave(state, message.id, context),
      spawned,
      ack: (state, ack: AckMessage, context) => {
        if (state.active?.number !== ack.plan) return
        acknowledge(state.active, ack)
        if (state.active.boot) advanceBoot(state, context)
        else advance(state, context)
      },
      drained: (state, report: DrainedMessage, context) => {
        if (state.active?.number !== report.plan) return
        drained(state.active, report)
        advance(state, context)
      },
      fault: (state, fault: Omit<Fault, 'atMs'>, context) => addFault(state, { ...fault, atMs: context.now }),
      faulty: (state, message: { id: string; message: string }) => {
        const agent = state.deployment.agents.get(message.id)
        if (agent !== undefined)
          state.deployment = {
            ...state.deployment,
            agents: new Map(state.deployment.agents).set(agent.id, { ...agent, status: 'faulty' }),
          }
      },
      threadUp: (state, message: { place: Place }) => threadUp(state, message.place),
      threadLost: (state, message: { place: Place; reason: string }, context) =>
        threadLost(state, message.place, message.reason, context),
    },

    timers: {
      tick: (state, _data, context) => {
        if (state.active?.boot === true) advanceBoot(state, context)
        else advance(state, context)
      },
    },
  })

  // -------------------------------------------------------------------------------------------------- boot

  function bootPlan(deployment: Deployment) {
    const change: Change = { verb: 'untransform', id: '' }
    return {
      change,
      undo: undefined,
      before: deployment,
      after: deployment,
      region: undefined,
      starts: [...deployment.agents.keys()].map((id) => startSpec(deployment, id)),
      stops: [],
      relocations: [],
      recipe: undefined,
      goneSerials: [],
      codes: [],
    }
  }

  /** Starting the system is the first stage of a plan and no more: nothing is held, nothing is carried. */
  function advanceBoot(state: ControllerState, context: Context): void {
    const { active } = state
    if (active === undefined || state.bootToken === undefined) return
    for (;;) {
      const step = tickPlan(active, context.now, alivePlaces(state))
      if (step.send !== undefined) {
        const started = new Map(
          [...step.send].map(([place, operation]) => [
            place,
            operation.stage === 'start' ? { ...operation, held: false } : operation,
          ]),
        )
        sendOperations(context, active, started)
      }
      if (!step.again || active.failure !== undefined) break
    }
    context.setTimer({ handler: 'tick', afterMs: TICK_MS })
    const failed = active.failure
    if (failed === undefined && active.stage === 'start') return
    const token = state.bootToken
    state.bootToken = undefined
    state.active = undefined
    context.clearTimer('tick')
    if (failed === undefined) context.reply(token, { agents: state.deployment.agents.size })
    else context.refuse(token, failed.code, failed.message)
    for (const miss of state.misses.splice(0)) answer(state, miss, context)
    takeNext(state, context)
  }
}

export type ControllerDefinition = ReturnType<typeof controllerDefinition>
/** A change as a person asks for it. */
export type ChangeRequest = Change & {
  /** Only check it and say what it would do. */
  readonly dryRun?: boolean
  /** `weaker`: a guarantee may be lost. */
  readonly accept?: string
}
