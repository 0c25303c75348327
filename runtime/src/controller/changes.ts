import { boxManagerId, type Operation } from '../box/protocol.js'
import { isWithin, parentOf } from '../latt/path.js'
import type { Place } from '../message/envelope.js'
import { errorBody, invariant, OvidError } from '../message/errors.js'
import { type Boot, bootDeployment } from './boot.js'
import { type Change, nextDeployment } from './deployment.js'
import { type ActivePlan, beginPlan, type PlanEnd, tickPlan } from './execution.js'
import { forgetSources, threadUp, tidy } from './membership.js'
import { answer } from './misses.js'
import { firstPlan, type Plan, planBetween, summarise } from './plan.js'
import { guarded } from './requests.js'
import { alivePlaces, type ChangeRequest, type ChangeResult, type ControllerState, type Desk } from './state.js'

/** How often the controller looks after a plan under way, ms. */
const TICK_MS = 100
const MOST_WAITING = 1000
const MOST_HISTORY = 1000

/** Hands what a plan wants done to the box managers. */
function sendOperations({ context }: Desk, active: ActivePlan, operations: ReadonlyMap<Place, Operation>): void {
  const byBox = new Map<string, [Place, Operation][]>()
  for (const [place, operation] of operations) {
    const box = parentOf(place)
    const list = byBox.get(box)
    if (list === undefined) byBox.set(box, [[place, operation]])
    else list.push([place, operation])
  }
  for (const [box, list] of byBox) context.tell(boxManagerId(box), 'stage', { plan: active.number, operations: list })
}

/** Starts a system: the first stage of a plan, and no more. */
export function boot(desk: Desk, message: Boot): void {
  const { state, context, store } = desk
  if (state.name !== '') throw new OvidError('not-allowed', `the system ${state.name} is started already`)
  for (const place of message.places) threadUp(desk, place)
  const plugins = new Map(message.plugins.map((plugin) => [plugin.name, plugin]))
  const deployment = guarded('start', () => bootDeployment(state.deployment, message, plugins, store))
  state.name = message.name
  state.plugins = plugins
  state.deployment = deployment
  state.active = beginPlan(
    state.nextPlan++,
    firstPlan(deployment),
    context.defer(),
    false,
    context.now,
    state.planTimeoutMs,
  )
  advance(desk)
}

/** The plan for a change, if it is sound and weakens nothing it may not weaken. */
function prepare({ state, store }: Desk, change: Change, accept: string | undefined): Plan {
  const plan = guarded(`${change.verb} ${change.id}`, () => {
    const next = nextDeployment(state.deployment, change, state.plugins, store)
    return planBetween(state.deployment, change, next, store)
  })
  const { loses } = plan.guarantees
  if (loses.length > 0 && accept !== 'weaker') {
    throw new OvidError(
      'weakens-guarantee',
      `${change.verb} ${change.id} would lose: ${loses.join('; ')}. Say accept=weaker if that is meant`,
    )
  }
  return plan
}

export function submit(desk: Desk, request: ChangeRequest): ChangeResult | undefined {
  const { state } = desk
  const { dryRun = false, accept, ...change } = request
  if (change.verb === 'move' && state.deployment.agents.get(change.id)?.place === change.place)
    throw new OvidError('no-such-place', `${change.id} is on ${change.place} already`)
  if (dryRun) return dryRunOf(prepare(desk, change, accept))
  // An unsound change is refused at once; one that waits is checked again when its turn comes.
  if (isIdle(state)) prepare(desk, change, accept)
  enqueue(desk, change, accept)
  return undefined
}

/** Takes the last change back: the one that is the last when this has its turn. */
export function undo(desk: Desk, dryRun: boolean): ChangeResult | undefined {
  if (dryRun) return dryRunOf(prepare(desk, lastUndo(desk.state), 'weaker'))
  if (isIdle(desk.state)) lastUndo(desk.state)
  enqueue(desk, undefined, 'weaker')
  return undefined
}

function lastUndo(state: ControllerState): Change {
  const last = state.history[state.history.length - 1]
  if (last === undefined) throw new OvidError('nothing-to-undo', 'nothing was changed yet')
  if (last.undo === undefined)
    throw new OvidError('nothing-to-undo', `${last.change.verb} ${last.change.id} cannot be undone`)
  return last.undo
}

const isIdle = (state: ControllerState) => state.active === undefined && state.waiting.length === 0

const dryRunOf = (plan: Plan): ChangeResult => ({
  ...summarise(plan),
  pauseMs: 0,
  tookMs: 0,
  movedBytes: 0,
  dryRun: true,
})

function enqueue(desk: Desk, change: Change | undefined, accept: string | undefined): void {
  const { state, context } = desk
  if (state.waiting.length >= MOST_WAITING)
    throw new OvidError('controller-busy', `${MOST_WAITING} changes are waiting already`)
  state.waiting.push({ change, accept, token: context.defer() })
  takeNext(desk)
}

/** Begins the next change if none is under way. */
function takeNext(desk: Desk): void {
  const { state, context } = desk
  while (state.active === undefined && state.spawns.size === 0) {
    const head = state.waiting.shift()
    if (head === undefined) return
    try {
      const plan = prepare(desk, head.change ?? lastUndo(state), head.accept)
      const isUndo = head.change === undefined
      // Serials of the new agents are taken, whether the plan ends well or not.
      state.deployment = { ...state.deployment, nextSerial: plan.after.nextSerial }
      state.active = beginPlan(state.nextPlan++, plan, head.token, isUndo, context.now, state.planTimeoutMs)
    } catch (error) {
      const { code, message } = errorBody(error)
      context.refuse(head.token, code, message)
      continue
    }
    advance(desk)
  }
}

/** After something happened that a plan under way, or one that waits, may have waited for. */
export function goOn(desk: Desk): void {
  advance(desk)
  takeNext(desk)
}

/** Lets the plan under way go as far as it can. */
function advance(desk: Desk): void {
  const { state, context } = desk
  const { active } = state
  if (active === undefined) return
  context.setTimer({ handler: 'tick', afterMs: TICK_MS })
  for (;;) {
    if (waitsForSpawns(desk, active)) return
    const step = tickPlan(active, context.now, alivePlaces(state))
    if (step.send !== undefined) sendOperations(desk, active, step.send)
    if (step.commit) commit(desk, active)
    if (step.end !== undefined) {
      finish(desk, active, step.end)
      return
    }
    if (!step.again) return
  }
}

/**
 * A proxy on its way up is held with the rest of its subtree, so it must be there by then; and what ends at
 * the commit must have begun before.
 */
function waitsForSpawns({ state }: Desk, active: ActivePlan): boolean {
  if (active.failure !== undefined || active.waiting.size > 0 || !active.sent) return false
  const { region } = active.plan
  if (active.stage === 'start')
    return [...state.spawns.keys()].some((id) => region !== undefined && isWithin(id, region))
  return active.stage === 'carry' && state.spawns.size > 0
}

/** The one point of no return: from here on every failure ends with the new layout. */
function commit(desk: Desk, active: ActivePlan): void {
  const { state } = desk
  const { after } = active.plan
  invariant(
    after.epoch === state.deployment.epoch + 1,
    'I5',
    () => `epoch ${after.epoch} after ${state.deployment.epoch}`,
  )
  invariant(
    active.failure === undefined && active.waiting.size === 0,
    'I4',
    () => `commit of a plan that ${active.failure === undefined ? 'waits' : 'failed'}`,
  )
  const agents = new Map(after.agents)
  for (const [id, physical] of agents) {
    const now = state.deployment.agents.get(id)
    const known = now?.serial === physical.serial ? now.status : physical.status
    const status = state.boxes.get(parentOf(physical.place))?.threads.get(physical.place) === 'running' ? known : 'lost'
    if (status !== physical.status) agents.set(id, { ...physical, status })
  }
  const { clients, places, nextSerial, given } = state.deployment
  state.deployment = { ...after, agents, clients, places, nextSerial, given }
  forgetSources(desk)
}

/** The plan is over, one way or the other: whoever waited for that has his turn. */
function finish(desk: Desk, active: ActivePlan, end: PlanEnd): void {
  const { state, context } = desk
  state.active = undefined
  context.clearTimer('tick')
  if (end.failed !== undefined) context.refuse(active.token, end.failed.code, end.failed.message)
  else if (active.plan.first) context.reply(active.token, { agents: state.deployment.agents.size })
  else context.reply(active.token, noteDone(desk, active, end))
  tidy(desk)
  for (const miss of state.misses.splice(0)) answer(desk, miss)
  takeNext(desk)
}

function noteDone(desk: Desk, active: ActivePlan, end: PlanEnd): ChangeResult {
  const { state, context } = desk
  const { plan, startedAtMs } = active
  const { pauseMs, movedBytes } = end
  if (active.isUndo) state.history.pop()
  else
    state.history.push({
      epoch: plan.after.epoch,
      change: plan.change,
      undo: plan.undo,
      pauseMs,
      movedBytes,
      atMs: context.now,
    })
  if (state.history.length > MOST_HISTORY) state.history.shift()
  return {
    ...summarise(plan),
    pauseMs,
    tookMs: context.now - startedAtMs,
    movedBytes,
    dryRun: false,
  }
}
