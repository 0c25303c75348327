import type { Context, DeferredToken } from '../agent/context.js'
import type { CodeStore } from '../latt/code.js'
import type { Place } from '../message/envelope.js'
import type { Change, Deployment, Plugin } from './deployment.js'
import type { ActivePlan } from './execution.js'
import type { PlanSummary } from './plan.js'

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

/** A change that has not begun. */
export interface Waiting {
  /** Absent: takes back whatever is the last change by then. */
  readonly change: Change | undefined
  /** `weaker` if a guarantee may be lost. */
  readonly accept: string | undefined
  readonly token: DeferredToken
}

/** A miss: `source` does not know where `name` leads. */
export interface Resolve {
  readonly source: string
  readonly name: string
  readonly place: Place
}

/** An ingress proxy on its way up, and who waits for it. */
export interface Spawn {
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
  planTimeoutMs: number
}

export function alivePlaces(state: ControllerState): Place[] {
  return [...state.boxes.values()].flatMap((box) =>
    [...box.threads].filter(([, status]) => status === 'running').map(([place]) => place),
  )
}

/** What the controller works with in one transition. */
export interface Desk {
  readonly state: ControllerState
  readonly context: Context
  /** Code by name: the controller itself holds none. */
  readonly store: CodeStore
}

/** A change as a person asks for it. */
export type ChangeRequest = Change & {
  /** Only check it and say what it would do. */
  readonly dryRun?: boolean
  /** `weaker`: a guarantee may be lost. */
  readonly accept?: string
}
