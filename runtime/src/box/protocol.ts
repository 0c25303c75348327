import type { AgentImage } from '../agent/image.js'
import type { CodeRef } from '../latt/code.js'
import type { LattNode, Role } from '../latt/latt.js'
import type { Message, Place } from '../message/envelope.js'
import type { ErrorBody } from '../message/errors.js'
import type { Past } from './cell.js'

/*
 * What controller, box managers and hosts say to each other, all on the control lane except `$carry` and
 * `$fence`, which must keep their place among the data.
 *
 *   host        -> controller   resolve, locate, join, leave, fault, ack, drained, doubt
 *   controller  -> box manager  stage (operations for its threads)   -> host   operation
 *   controller  -> host         route, located, joined, gone, lost, doubt
 *   host        -> host         $carry, $fence, probe, relief
 */

export const CONTROLLER = 'controller'
/** Longest name a box may have is bounded by `isBoxName`; its manager is `box/NAME`, its hosts `box/NAME/THREAD`. */
export const boxManagerId = (box: string): string => `box/${box}`
export const hostId = (place: Place): string => `box/${place}`

/** The place of a system agent (box manager, host), or undefined for any other id. */
export function systemPlace(id: string): Place | undefined {
  if (!id.startsWith('box/')) return undefined
  const rest = id.slice(4)
  return rest.includes('/') ? rest : `${rest}/0`
}

export interface StartSpec {
  readonly id: string
  readonly serial: number
  readonly self: string
  readonly role: Role
  readonly code: CodeRef
  /** For proxies: the virtual agent's code. */
  readonly target?: CodeRef
  readonly kind: string
  readonly version: number
  readonly params?: unknown
}

/** How to carry a subtree from its old layout to its new one. Plain data. */
export interface Recipe {
  readonly before: LattNode
  readonly after: LattNode
  /** Old physical agents with their places. */
  readonly olds: readonly (readonly [string, Place])[]
  /** New physical agents with their places. */
  readonly news: readonly (readonly [string, Place])[]
  /** For each outside client: the physical agent that serves it in the new layout. */
  readonly homes: readonly (readonly [client: string, home: string])[]
  /** Where everything is lifted and lowered; empty where each host can do its share itself. */
  readonly carrier: Place
}

export interface Relocation {
  readonly id: string
  readonly from: Place
  readonly to: Place
  /** Version the state has now; the new agent may be of a later one. */
  readonly version: number
}

export type Operation =
  | {
      readonly stage: 'start'
      readonly agents: readonly StartSpec[]
      readonly codes: readonly CodeRef[]
      readonly held: boolean
      /** Virtual agents that begin transformed. */
      readonly virtuals: readonly LattNode[]
    }
  | { readonly stage: 'hold'; readonly region: string; readonly ids: readonly string[] }
  | { readonly stage: 'wedge'; readonly ids: readonly string[]; readonly flush: readonly string[] }
  | {
      readonly stage: 'carry'
      readonly relocations: readonly Relocation[]
      readonly recipe: Recipe | undefined
      /** Places that a batch comes from. */
      readonly expects: readonly Place[]
    }
  | {
      readonly stage: 'route'
      /** Agents that are gone or elsewhere: routes to them are dropped. */
      readonly drop: readonly string[]
      readonly places: readonly (readonly [string, Place])[]
      readonly goneSerials: readonly number[]
      /** For late messages to agents that moved. */
      readonly moved: readonly (readonly [string, Place])[]
      /** For late messages to agents that were replaced: per client. */
      readonly homes: readonly (readonly [string, string])[]
      /** For answers to requests of agents that were replaced. */
      readonly answers: readonly AskOwner[]
      readonly stop: readonly string[]
      readonly release: readonly string[]
      readonly fenceTo: readonly Place[]
      readonly fencesFrom: readonly Place[]
    }
  | { readonly stage: 'abort' }

export type Stage = Operation['stage'] | 'retire'

/** An operation as a host gets it: fenced by the plan's number. */
export interface OperationMessage {
  readonly plan: number
  readonly operation: Operation
}

/** From the controller to a box manager: one operation for each thread named. */
export interface StageMessage {
  readonly plan: number
  readonly operations: readonly (readonly [Place, Operation])[]
}

/** Owner of an ask after a carry, so that its answer finds it: asked at `origin`. */
export type AskOwner = readonly [correlation: number, origin: Place, owner: string]

export interface AckMessage {
  readonly plan: number
  readonly stage: Stage
  readonly place: Place
  readonly error?: ErrorBody
  /** Bytes that left or entered this thread in the carry. */
  readonly bytes?: number
  readonly owners?: readonly AskOwner[]
}

/** An agent inside a held subtree has nothing to do: what it has sent and consumed inside. */
export interface DrainedMessage {
  readonly plan: number
  readonly id: string
  readonly serial: number
  readonly sent: readonly (readonly [name: string, count: number])[]
  readonly consumed: readonly (readonly [serial: number, name: string, count: number])[]
}

/** The channel of a client, on its way to its next home. */
export interface ClientChannel {
  readonly home: string
  readonly client: string
  readonly incarnation: number
  readonly name: string
  readonly next: number
  readonly handled: number
  readonly early: readonly Message[]
  readonly parked: readonly Message[]
}

/** A cell that moves as it is. */
export interface CellCapture {
  readonly id: string
  readonly image: AgentImage
  readonly now: number
  readonly nextCorrelation: number
  readonly nextToken: number
  readonly mailbox: readonly Message[]
  readonly incoming: readonly {
    incarnation: number
    from: string
    name: string
    next: number
    handled: number
    early: readonly Message[]
    sender: string
  }[]
  readonly outgoing: readonly {
    name: string
    next: number
    credited: number
    last: string
    past: Past | undefined
    waiting: readonly Message[]
  }[]
}

export interface CarryMessage {
  readonly plan: number
  readonly from: Place
  /** `share`: from a host of old agents; `lowered`: from the carrier. */
  readonly part: 'share' | 'lowered'
  readonly cells: readonly CellCapture[]
  readonly channels: readonly ClientChannel[]
  /** Images for new agents: new id, old id it comes from, image. To the carrier: new id is empty. */
  readonly images: readonly (readonly [to: string, from: string, image: AgentImage])[]
  /** Why nothing came. */
  readonly error?: ErrorBody
}

/** Starts agents outside any plan: ingress proxies for new clients. */
export interface SpawnMessage {
  readonly ticket: number
  readonly agents: readonly StartSpec[]
  /** Inside a subtree that is being held: they are part of the old layout. */
  readonly held?: { readonly plan: number; readonly region: string }
}

/** Clients that left, with their proxies. */
export interface GoneMessage {
  readonly ids: readonly string[]
  readonly serials: readonly number[]
}

/** A thread ended. */
export interface LostMessage {
  readonly place: Place
  /** Agents and clients that ended with it. */
  readonly ids: readonly string[]
  /** Those of them that others rely on: all but clients and their ingress proxies. */
  readonly missed: readonly string[]
}

/** What went through a proxy to these names may be lost with a thread; who asked may be anywhere. */
export interface DoubtMessage {
  readonly place: Place
  readonly names: readonly string[]
}

export interface RouteMessage {
  readonly source: string
  readonly name: string
  readonly target?: string
  readonly place?: Place
  readonly error?: ErrorBody
}
