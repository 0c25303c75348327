/** A place where agents run: `box/thread`, for example `main/2`. Thread 0 is the box's main thread. */
export type Place = string

/**
 * What a message is for.
 *
 * - `request` wants a reply, `tell` does not. Both are numbered per (sender, destination name).
 * - `reply` and `error` answer a request. They are not numbered: they follow the request's return path and are
 *   matched by correlation id, so a second one finds nothing to answer and is dropped.
 * - `flush` is a numbered request made by the sender's host, not by the agent: its answer says that everything
 *   sent before it on the same channel has been consumed, proxies included.
 * - `credit` tells a sender's host how far its channel has been consumed (flow control).
 */
export type MessageKind = 'request' | 'tell' | 'reply' | 'error' | 'flush' | 'credit'

/** Control traffic (controller, box managers, hosts) never waits behind data. */
export type Lane = 'control' | 'data'

/**
 * The envelope every message travels in.
 *
 * A message is a value: nobody changes it after it is sent. A hop that needs another envelope (a proxy, a
 * forwarder) makes a new one around the same body.
 */
export interface Message {
  readonly kind: MessageKind
  readonly lane: Lane
  /** Physical agent that sent this hop. */
  readonly from: string
  /** Incarnation of `from`: a number no other start of any agent ever had. */
  readonly incarnation: number
  /** Physical agent this hop is addressed to. */
  readonly to: string
  /** Destination as the sender named it. With `incarnation` it identifies the channel. Empty on replies. */
  readonly name: string
  /** Position in the channel, from 1. 0 on replies and on control traffic, which are not numbered. */
  readonly sequence: number
  /** Correlation id, unique among all requests of all incarnations. 0 on tells. */
  readonly correlation: number
  /** Physical agents the reply passes, last one first; `path[0]` is who asked. Empty where no reply is due. */
  readonly path: readonly string[]
  /** Where `path`'s last member was when it sent this: spares a look-up for the reply. Empty if unknown. */
  readonly origin: Place
  /** Agent a proxy speaks for; empty where the sender speaks for itself. */
  readonly as: string
  /** Handler the message is for. On `error` the error's code. */
  readonly type: string
  readonly body: unknown
}
