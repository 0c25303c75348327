import type { ErrorBody } from '../message/errors.js'

/** Stands for a reply that is still owed. Plain data: keep it in the state or hand it to an ask. */
export interface DeferredToken {
  readonly deferred: string
}

export interface TimerOptions {
  /** Name of a handler in the agent's `timers`. */
  readonly handler: string
  /** Tells timers of one handler apart. Setting a timer that is set already moves it. Default: ''. */
  readonly id?: string
  /** Earliest time from now, in ms. */
  readonly afterMs: number
  /** Given to the handler. */
  readonly data?: unknown
}

export interface AskOptions {
  /** Name of a handler in the agent's `replies`. */
  readonly then: string
  /** Given to the handler beside the answer. */
  readonly data?: unknown
  /** After this time the outcome is an error `timeout`. Default: never. */
  readonly timeoutMs?: number
}

/** How an ask ended. */
export type Outcome<Data = unknown> =
  | { readonly ok: true; readonly value: unknown; readonly data: Data }
  | { readonly ok: false; readonly error: ErrorBody; readonly data: Data }

/**
 * All that a handler may use beside its state and its message. Valid only while the handler runs.
 *
 * What is sent, set or answered takes effect when the handler has returned; if it throws, nothing does.
 */
export interface Context {
  /** The agent's own name, as its designer knows it (a shard of KVS is `KVS`). */
  readonly self: string
  /** Who sent the message, as the agent may know it. The agent itself in timer handlers. */
  readonly sender: string
  /** Time of this transition, ms since the epoch, with a fraction. Never goes back within one agent. */
  readonly now: number
  /** Deterministic random number in [0, 1), from the agent's own captured generator. */
  random(): number
  /** Sends a message that wants no reply. */
  tell(name: string, type: string, body?: unknown): void
  /** Sends a request; its answer comes to the handler `replies[then]`. */
  ask(name: string, type: string, body: unknown, options: AskOptions): void
  /** Says that the reply to this request comes later. What the handler returns is then ignored. */
  defer(): DeferredToken
  /** Gives a deferred reply. A token that was answered before is ignored. */
  reply(token: DeferredToken, value: unknown): void
  /** Answers a deferred request with an error. */
  refuse(token: DeferredToken, code: string, message: string): void
  setTimer(options: TimerOptions): void
  clearTimer(handler: string, id?: string): void
}

/** What a proxy may use. */
export interface ProxyContext {
  readonly self: string
  readonly now: number
  random(): number
  /**
   * The key the message is about, by the virtual agent's own `partition.keyOf`; undefined if it is about none.
   * @throws OvidError `unknown-message`, `invalid-message`: as the virtual agent would refuse it
   */
  keyOf(body: unknown, type: string): string | undefined
  /** Passes the message on under another destination name. The reply goes straight back to who asked. */
  pass(name: string): void
}
