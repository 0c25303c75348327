import type { Message, Place } from '../message/envelope.js'
import type { Host } from './host.js'
import type { Operation } from './protocol.js'
import type { Starting } from './starting.js'

type RouteOperation = Extract<Operation, { stage: 'route' }>

/** Where late messages for agents that are gone belong. */
interface Forwarders {
  readonly plan: number
  readonly moved: ReadonlyMap<string, Place>
  readonly stopped: ReadonlySet<string>
  readonly homes: ReadonlyMap<string, string>
  readonly answers: ReadonlyMap<number, string>
  /** Hosts that may still have sent something by the old routes. */
  readonly fencesLeft: Set<Place>
  readonly done: () => void
}

/**
 * Sends on what arrives for agents that moved or were replaced, in order, until a fence from every host says
 * that no more can come.
 */
export class Forwarding {
  readonly #host: Host
  readonly #starting: Starting
  #forwarders: Forwarders | undefined
  /** Fences that came before this host was told of the route stage. */
  readonly #early = new Map<number, Set<Place>>()
  /** The last plan whose forwarders have ended here. */
  #ended = 0

  constructor(host: Host, starting: Starting) {
    this.#host = host
    this.#starting = starting
  }

  get size(): number {
    return this.#forwarders === undefined ? 0 : this.#forwarders.moved.size + this.#forwarders.stopped.size
  }

  /** `done` is called when every fence has come. */
  begin(plan: number, operation: RouteOperation, done: () => void): void {
    const fencesLeft = new Set(operation.fencesFrom)
    for (const place of this.#early.get(plan) ?? []) fencesLeft.delete(place)
    this.#early.clear()
    if (operation.fencesFrom.length === 0) return
    this.#forwarders = {
      plan,
      moved: new Map(operation.moved),
      stopped: new Set(operation.stop),
      homes: new Map(operation.homes),
      answers: new Map(operation.answers.map(([correlation, , owner]) => [correlation, owner])),
      fencesLeft,
      done,
    }
    this.#endIfFenced()
  }

  /** Sends on what was meant for an agent that moved or was replaced. Says whether it did. */
  forward(message: Message): boolean {
    const successor = this.#starting.successors.get(message.to)
    if (successor !== undefined) {
      // Another host has come to the route stage sooner than this one.
      successor.late.push(message)
      return true
    }
    const forwarders = this.#forwarders
    if (forwarders === undefined) return false
    const place = forwarders.moved.get(message.to)
    if (place !== undefined) {
      this.#host.forwarded++
      this.#host.dispatch(place, message)
      return true
    }
    if (!forwarders.stopped.has(message.to)) return false
    if (message.kind === 'reply' || message.kind === 'error') return this.forwardAnswer(message)
    const home = forwarders.homes.get(message.from)
    if (home === undefined) return false
    this.#host.forwarded++
    this.#host.routing.sendById({ ...message, to: home })
    return true
  }

  /** Sends an answer on to who owns the request since the change. Says whether that is another than it came to. */
  forwardAnswer(message: Message): boolean {
    const owner = this.#forwarders?.answers.get(message.correlation)
    if (owner === undefined || owner === message.to) return false
    this.#host.routing.graves.delete(message.correlation)
    this.#host.forwarded++
    this.#host.routing.sendById({ ...message, to: owner })
    return true
  }

  /** Everything a host sent by the old routes has arrived. */
  fence(fence: { plan: number; from: Place }): void {
    if (this.#forwarders?.plan === fence.plan) {
      this.#forwarders.fencesLeft.delete(fence.from)
      this.#endIfFenced()
    } else if (fence.plan > this.#ended) {
      const early = this.#early.get(fence.plan) ?? new Set()
      this.#early.set(fence.plan, early.add(fence.from))
    }
  }

  #endIfFenced(): void {
    const forwarders = this.#forwarders
    if (forwarders === undefined || forwarders.fencesLeft.size > 0) return
    this.#forwarders = undefined
    this.#ended = forwarders.plan
    forwarders.done()
  }
}
