import type { StandardSchemaV1 } from '@standard-schema/spec'
import { OvidError } from '../message/errors.js'
import type { Context, Outcome, ProxyContext } from './context.js'

/** A handler: synchronous and deterministic. What it returns is the reply. */
// biome-ignore lint/suspicious/noExplicitAny: a handler declares what it takes; any lets each declare its own
export type Handler<State> = (state: State, message: any, context: Context) => unknown
export type Handlers<State> = Record<string, Handler<State>>
// biome-ignore lint/suspicious/noExplicitAny: data of timers and asks is what the agent itself put there
export type TimerHandlers<State> = Record<string, (state: State, data: any, context: Context) => void>
// biome-ignore lint/suspicious/noExplicitAny: as above
export type ReplyHandlers<State> = Record<string, (state: State, outcome: Outcome<any>, context: Context) => void>

/** How an agent whose work falls apart by key is divided and put together again. */
export interface Partition<State> {
  /** The key a message is about, or undefined if it is about no single key. */
  // biome-ignore lint/suspicious/noExplicitAny: sees the messages of every handler
  readonly keyOf: (message: any, type: string) => string | undefined
  /** Divides a state in `parts` states; what belongs to a key goes to part `ownerOf(key)`. Must not change `state`. */
  readonly split: (state: State, ownerOf: (key: string) => number, parts: number) => State[]
  /** Puts states with disjoint keys together. Must not change them. */
  readonly merge: (states: State[]) => State
}

/** What `defineAgent` takes. */
export interface AgentOptions<State, Reads extends Handlers<State>, Writes extends Handlers<State>> {
  /** Names the kind of agent; an upgrade keeps it. */
  readonly kind: string
  /** Version of the state's form, a whole number from 1 (the default). An upgrade raises it. */
  readonly version?: number
  /** The state an agent starts with. `params` come from the system definition. */
  // biome-ignore lint/suspicious/noExplicitAny: parameters are the agent's own
  readonly init: (params: any) => State
  /** Handlers that do not change the state. */
  readonly reads?: Reads
  /** Handlers that may change the state. */
  readonly writes?: Writes
  /** Handlers of timers set by `context.setTimer`. */
  readonly timers?: TimerHandlers<State>
  /** Handlers of answers to `context.ask`. */
  readonly replies?: ReplyHandlers<State>
  /** Present if the agent's work can be divided by key. */
  readonly partition?: Partition<State>
  /** Schemas (Standard Schema: zod, valibot, …) that messages are validated by before a handler sees them. */
  readonly messages?: Record<string, StandardSchemaV1>
  /** Makes the state of an older version one of this version. Must not change its argument. */
  // biome-ignore lint/suspicious/noExplicitAny: the old form is not typed any more
  readonly migrate?: (state: any, fromVersion: number) => State
}

/** An agent's definition, as `defineAgent` returns it. The type parameters type the clients. */
export interface AgentDefinition<
  // biome-ignore lint/suspicious/noExplicitAny: any agent at all
  State = any,
  Reads extends Handlers<State> = Handlers<State>,
  Writes extends Handlers<State> = Handlers<State>,
> extends AgentOptions<State, Reads, Writes> {
  readonly form: 'agent'
  readonly version: number
  /** Reads and writes by message type. */
  readonly handlers: ReadonlyMap<string, Handler<State>>
}

/** A message on its way through a proxy. */
export interface Passing {
  readonly kind: 'request' | 'tell'
  readonly type: string
  readonly body: unknown
  /** Who sent it, as the virtual agent would see it. */
  readonly sender: string
}

/** What `defineProxy` takes: an agent that passes messages on instead of answering them. */
export interface ProxyOptions<State> {
  readonly kind: string
  readonly version?: number
  // biome-ignore lint/suspicious/noExplicitAny: parameters come from the transformation's expansion
  readonly init: (params: any) => State
  /** Passes the message on by `context.pass`, or throws an OvidError, which is the reply. */
  readonly pass: (state: State, message: Passing, context: ProxyContext) => void
}

// biome-ignore lint/suspicious/noExplicitAny: any proxy at all
export interface ProxyDefinition<State = any> extends ProxyOptions<State> {
  readonly form: 'proxy'
  readonly version: number
}

/** What a running gateway gives its box. */
export interface RunningGateway {
  /** Answers requests sent to the gateway's own name, by message type. May be asynchronous. */
  // biome-ignore lint/suspicious/noExplicitAny: each handler declares what it takes
  readonly handlers?: Record<string, (message: any) => unknown>
  /** Ends the gateway: closes what it has open. */
  readonly stop?: () => void | Promise<void>
}

/** What `defineGateway` takes: an agent that owns sockets or files. It runs at an edge and stays on its thread. */
export interface GatewayOptions<Gateway> {
  readonly kind: string
  readonly version?: number
  readonly start: (gateway: Gateway) => RunningGateway | Promise<RunningGateway>
}

// biome-ignore lint/suspicious/noExplicitAny: the handle's type is known at the edge only
export interface GatewayDefinition<Gateway = any> extends GatewayOptions<Gateway> {
  readonly form: 'gateway'
  readonly version: number
}

export type Definition = AgentDefinition | ProxyDefinition | GatewayDefinition

function checkCommon(form: string, options: { kind?: unknown; version?: unknown }): number {
  if (typeof options.kind !== 'string' || options.kind === '') {
    throw new OvidError('definition-invalid', `${form}: kind must be a non-empty string, found ${String(options.kind)}`)
  }
  const version = options.version ?? 1
  if (!Number.isSafeInteger(version) || (version as number) < 1) {
    throw new OvidError(
      'definition-invalid',
      `${form} ${options.kind}: version must be a whole number from 1, found ${String(version)}`,
    )
  }
  return version as number
}

function checkFunctions(kind: string, part: string, handlers: Record<string, unknown> | undefined): void {
  for (const [name, handler] of Object.entries(handlers ?? {})) {
    if (typeof handler !== 'function')
      throw new OvidError('definition-invalid', `agent ${kind}: ${part}.${name} must be a function`)
    if (handler.constructor.name === 'AsyncFunction') {
      throw new OvidError(
        'definition-invalid',
        `agent ${kind}: ${part}.${name} is asynchronous; handlers are synchronous (use context.ask and context.defer)`,
      )
    }
  }
}

/**
 * Defines an agent: a deterministic state machine that reacts to messages.
 *
 * @throws OvidError `definition-invalid`
 */
export function defineAgent<State, Reads extends Handlers<State>, Writes extends Handlers<State>>(
  options: AgentOptions<State, Reads, Writes>,
): AgentDefinition<State, Reads, Writes> {
  const version = checkCommon('agent', options)
  if (typeof options.init !== 'function')
    throw new OvidError('definition-invalid', `agent ${options.kind}: init must be a function`)
  for (const part of ['reads', 'writes', 'timers', 'replies'] as const)
    checkFunctions(options.kind, part, options[part])
  const handlers = new Map<string, Handler<State>>(Object.entries(options.reads ?? {}))
  for (const [type, handler] of Object.entries(options.writes ?? {})) {
    if (handlers.has(type))
      throw new OvidError('definition-invalid', `agent ${options.kind}: ${type} is both a read and a write`)
    handlers.set(type, handler)
  }
  return Object.freeze({ ...options, form: 'agent', version, handlers })
}

/**
 * Defines a proxy: what a transformation puts between a virtual agent's clients and its parts.
 *
 * @throws OvidError `definition-invalid`
 */
export function defineProxy<State>(options: ProxyOptions<State>): ProxyDefinition<State> {
  const version = checkCommon('proxy', options)
  if (typeof options.init !== 'function' || typeof options.pass !== 'function') {
    throw new OvidError('definition-invalid', `proxy ${options.kind}: init and pass must be functions`)
  }
  return Object.freeze({ ...options, form: 'proxy', version })
}

/** Defines a gateway without typing its handle; the edge's `defineGateway` is the typed one. */
export function gatewayDefinition<Gateway>(options: GatewayOptions<Gateway>): GatewayDefinition<Gateway> {
  const version = checkCommon('gateway', options)
  if (typeof options.start !== 'function')
    throw new OvidError('definition-invalid', `gateway ${options.kind}: start must be a function`)
  return Object.freeze({ ...options, form: 'gateway', version })
}

export function isDefinition(value: unknown): value is Definition {
  const form = (value as { form?: unknown } | null)?.form
  return form === 'agent' || form === 'proxy' || form === 'gateway'
}
