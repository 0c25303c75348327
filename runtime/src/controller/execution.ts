import type { DeferredToken } from '../agent/context.js'
import type { AckMessage, AskOwner, DrainedMessage, Operation, Stage } from '../box/protocol.js'
import type { Place } from '../message/envelope.js'
import type { ErrorBody } from '../message/errors.js'
import { involved, operationsFor, type Plan, retiringPlaces, undrained } from './plan.js'

/** An operation that is not acknowledged is sent again after this time, ms. */
const FIRST_RESEND_MS = 1000

/** A plan under way. Part of the controller's state: plain data. */
export interface ActivePlan {
  readonly number: number
  plan: Plan
  /** Who asked for it. */
  readonly token: DeferredToken
  readonly isUndo: boolean
  stage: Stage | 'drain'
  committed: boolean
  /** Places that have not acknowledged the stage. */
  waiting: Set<Place>
  /** Whether the stage's operations were sent. */
  sent: boolean
  readonly reports: Map<string, DrainedMessage>
  readonly owners: AskOwner[]
  /** Places whose forwarders have ended. */
  readonly retired: Set<Place>
  movedBytes: number
  failure: ErrorBody | undefined
  readonly startedAtMs: number
  pausedAtMs: number
  releasedAtMs: number
  stageAtMs: number
  sentAtMs: number
  /** How long to wait before the stage's operations are sent again, ms: each time twice as long. */
  resendMs: number
  readonly timeoutMs: number
}

export interface PlanEnd {
  readonly failed: ErrorBody | undefined
  readonly pauseMs: number
  readonly movedBytes: number
}

export interface PlanStep {
  readonly send: ReadonlyMap<Place, Operation> | undefined
  readonly commit: boolean
  readonly end: PlanEnd | undefined
  /** Whether the next stage should be looked at at once. */
  readonly again: boolean
}

export function beginPlan(
  number: number,
  plan: Plan,
  token: DeferredToken,
  isUndo: boolean,
  now: number,
  timeoutMs: number,
): ActivePlan {
  return {
    number,
    plan,
    token,
    isUndo,
    stage: 'start',
    committed: false,
    waiting: new Set(),
    sent: false,
    reports: new Map(),
    owners: [],
    retired: new Set(),
    movedBytes: 0,
    failure: undefined,
    startedAtMs: now,
    pausedAtMs: 0,
    releasedAtMs: 0,
    stageAtMs: now,
    sentAtMs: now,
    resendMs: FIRST_RESEND_MS,
    timeoutMs,
  }
}

const order: readonly (Stage | 'drain')[] = ['start', 'hold', 'drain', 'wedge', 'carry', 'route', 'retire']

function enter(active: ActivePlan, stage: Stage | 'drain', now: number): void {
  active.stage = stage
  active.sent = false
  active.waiting = new Set()
  active.stageAtMs = now
  active.resendMs = FIRST_RESEND_MS
}

/** An acknowledgement. One for another stage than the current is late or early: only `retire` may come early. */
export function acknowledge(active: ActivePlan, ack: AckMessage): void {
  if (ack.stage === 'retire') {
    active.retired.add(ack.place)
    if (active.stage === 'retire') active.waiting.delete(ack.place)
    return
  }
  if (ack.stage !== active.stage) return
  if (ack.error !== undefined && !active.committed && active.stage !== 'abort') {
    fail(active, ack.error.code, `${ack.stage} on ${ack.place}: ${ack.error.message}`)
    return
  }
  if (!active.waiting.delete(ack.place)) return
  active.movedBytes += ack.bytes ?? 0
  active.owners.push(...(ack.owners ?? []))
}

export function drained(active: ActivePlan, report: DrainedMessage): void {
  active.reports.set(report.id, report)
}

function fail(active: ActivePlan, code: string, message: string): void {
  active.failure ??= { code, message }
}

/** A thread ended. Before commit that ends the plan; after it there is nobody to wait for. */
export function placeLost(active: ActivePlan, place: Place, reason: string): void {
  active.waiting.delete(place)
  active.retired.add(place)
  if (!active.committed && (active.plan.first || involved(active.plan).has(place)))
    fail(active, 'plan-failed', `${place} was lost during ${active.stage}: ${reason}`)
}

const nothing: PlanStep = { send: undefined, commit: false, end: undefined, again: false }

/** What comes next, given what is known. Called after everything that happens, and from time to time. */
export function tickPlan(active: ActivePlan, now: number, alive: readonly Place[]): PlanStep {
  if (active.failure !== undefined && !active.committed && active.stage !== 'abort') {
    enter(active, 'abort', now)
    return { ...nothing, again: true }
  }
  if (!active.sent) return send(active, now, alive)
  if (active.stage === 'drain' ? undrained(active.plan, active.reports).length === 0 : active.waiting.size === 0)
    return leaveStage(active, now)
  if (!active.committed && active.stage !== 'abort' && now - active.stageAtMs > active.timeoutMs) {
    fail(
      active,
      'plan-failed',
      `${active.stage} took longer than ${active.timeoutMs} ms; it waited for ${waitsFor(active).join(', ')}`,
    )
    return { ...nothing, again: true }
  }
  if (now - active.sentAtMs < active.resendMs) return nothing
  active.sentAtMs = now
  active.resendMs *= 2
  return { ...nothing, send: repeated(active, alive) }
}

/** What to send again. Reports follow on `hold`, and the end of forwarders on `route`. */
function repeated(active: ActivePlan, alive: readonly Place[]): Map<Place, Operation> {
  const { stage, plan, owners, waiting } = active
  if (stage === 'drain')
    return new Map([...operationsFor(plan, 'hold', alive, owners)].filter(([place]) => alive.includes(place)))
  const all = operationsFor(plan, stage === 'retire' ? 'route' : stage, alive, owners)
  return new Map([...all].filter(([place]) => waiting.has(place)))
}

/** What a plan waits for, in words. */
export function waitsFor(active: ActivePlan): string[] {
  return active.stage === 'drain' ? undrained(active.plan, active.reports) : [...active.waiting]
}

/** An agent's code failed. One that a plan would carry must not be: its state is not to be trusted. */
export function agentFailed(active: ActivePlan, id: string): void {
  const { recipe, relocations } = active.plan
  const carried = recipe?.olds.some(([old]) => old === id) === true || relocations.some((each) => each.id === id)
  if (carried && !active.committed)
    fail(active, 'agent-faulty', `${id} was wedged by a fault in its code during ${active.stage}`)
}

function send(active: ActivePlan, now: number, alive: readonly Place[]): PlanStep {
  active.sent = true
  active.sentAtMs = now
  if (active.stage === 'drain') return { ...nothing, again: true }
  if (active.stage === 'retire') {
    active.waiting = new Set(
      retiringPlaces(active.plan).filter((place) => alive.includes(place) && !active.retired.has(place)),
    )
    return { ...nothing, again: active.waiting.size === 0 }
  }
  const operations = new Map(
    [...operationsFor(active.plan, active.stage, alive, active.owners)].filter(([place]) => alive.includes(place)),
  )
  active.waiting = new Set(operations.keys())
  if ((active.stage === 'hold' || active.stage === 'wedge') && active.pausedAtMs === 0 && operations.size > 0)
    active.pausedAtMs = now
  return { ...nothing, send: operations, again: operations.size === 0 }
}

function leaveStage(active: ActivePlan, now: number): PlanStep {
  const { stage } = active
  if (stage === 'abort' || stage === 'retire') return { ...nothing, end: endOf(active) }
  if (active.plan.first) return { ...nothing, end: endOf(active) }
  if (stage === 'route') active.releasedAtMs = now
  if (stage === 'carry') active.committed = true
  enter(active, order[order.indexOf(stage) + 1] ?? 'retire', now)
  return { ...nothing, commit: stage === 'carry', again: true }
}

function endOf(active: ActivePlan): PlanEnd {
  const failed = active.committed ? undefined : active.failure
  const pauseMs = failed === undefined && active.pausedAtMs > 0 ? active.releasedAtMs - active.pausedAtMs : 0
  const told = { code: 'plan-failed', message: `${failed?.message} (${failed?.code}); the old layout runs on` }
  return {
    // A system that does not start has no old layout: its error speaks for itself.
    failed: failed === undefined || active.plan.first ? failed : told,
    pauseMs,
    movedBytes: active.movedBytes,
  }
}
