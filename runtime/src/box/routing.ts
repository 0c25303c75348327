import type { AskRecord } from '../agent/image.js'
import { isWithin } from '../latt/path.js'
import type { Message, Place } from '../message/envelope.js'
import { asOvidError, type ErrorBody, errorBody, invariant, shown } from '../message/errors.js'
import { freezePlain } from '../message/plain.js'
import { type Cell, CORRELATIONS, correlationOf, leavePlace, type OutChannel, outChannel } from './cell.js'
import type { Host } from './host.js'
import { CONTROLLER, type DoubtMessage, type LostMessage, type RouteMessage, systemPlace } from './protocol.js'

/**
 * Where messages go: names to physical agents (each cell's ART), physical agents to places (this thread's
 * share of the BRT), and back along the return path. A miss asks the controller; messages wait in order.
 */
export class Routing {
  /** Physical agent id to place. A cache. */
  readonly places = new Map<string, Place>()
  /** Answers that arrive here though who asked is gone: correlation to the owner of the request. */
  readonly graves = new Map<number, string>()
  readonly #host: Host
  /** Channels by the physical agent they lead to: what to touch when a route changes. */
  readonly routesTo = new Map<string, Set<{ cell: Cell; out: OutChannel }>>()
  /** Messages to agents whose place is being asked for. */
  readonly #lost = new Map<string, Message[]>()

  constructor(host: Host) {
    this.#host = host
  }

  newCorrelation(cell: Cell): number {
    const correlation = correlationOf(cell, cell.nextCorrelation)
    cell.nextCorrelation = (cell.nextCorrelation + 1) % CORRELATIONS
    return correlation
  }

  /** Sends a request or a tell for a cell: numbers it and puts it on its channel. */
  sendFrom(
    cell: Cell,
    kind: 'request' | 'tell' | 'flush',
    name: string,
    type: string,
    body: unknown,
    correlation: number,
    path: readonly string[],
    origin: Place,
    as: string,
  ): void {
    const place = name === CONTROLLER ? this.#host.options.controller : systemPlace(name)
    if (place !== undefined) {
      const message: Message = {
        kind,
        lane: 'control',
        from: cell.id,
        incarnation: cell.serial,
        to: name,
        name,
        sequence: 0,
        correlation,
        path,
        origin,
        as,
        type,
        body,
      }
      const isThere = place === this.#host.options.place || this.#host.options.effects.reaches(place)
      if (isThere) this.#attempt(cell, message, place)
      else this.refuse(message, 'unknown-agent', `there is no agent ${shown(name)}`)
      return
    }
    const out = outChannel(cell, name)
    const message: Message = {
      kind,
      lane: 'data',
      from: cell.id,
      incarnation: cell.serial,
      to: out.target ?? '',
      name,
      sequence: out.next++,
      correlation,
      path,
      origin,
      as,
      type,
      body,
    }
    if (
      out.target === undefined ||
      out.waiting.length > 0 ||
      message.sequence - out.credited > this.#host.flow.window
    ) {
      out.waiting.push(message)
      if (out.target === undefined) this.#miss(cell, out)
      this.#host.flow.checkWindow(cell, out)
    } else {
      this.#transmit(cell, out, message)
    }
  }

  /** ART miss: the controller is asked, once; messages wait in order. */
  #miss(cell: Cell, out: OutChannel): void {
    if (out.asked) return
    out.asked = true
    this.#host.tellController('resolve', { source: cell.id, name: out.name, place: this.#host.options.place })
  }

  /** Sends what waits on a channel as far as route and window allow. */
  drainWaiting(cell: Cell, out: OutChannel): void {
    while (out.target !== undefined && out.waiting.length > 0) {
      const head = out.waiting.peekFront() as Message
      if (head.sequence - out.credited > this.#host.flow.window) break
      out.waiting.shift()
      this.#transmit(cell, out, { ...head, to: out.target })
    }
    if (out.target === undefined && out.waiting.length > 0) this.#miss(cell, out)
    this.#host.flow.checkWindow(cell, out)
    if (cell.region !== undefined) this.#host.reconfiguration.checkDrained(cell)
  }

  #transmit(cell: Cell, out: OutChannel, message: Message): void {
    const there = out.cell === undefined ? out.place : undefined
    if (!this.#attempt(cell, message, there)) {
      // The number is taken: something must fill its place, or the channel would wait for it for ever.
      message = { ...message, kind: 'tell', correlation: 0, path: [], as: '', type: '$void', body: null }
      if (there !== undefined) this.#host.dispatch(there, message)
    }
    if (out.cell !== undefined) this.#host.deliver(out.cell, message)
  }

  /**
   * Checks a message and hands it to a place, if there is one given. Says whether that could be done: if not, who asked
   * gets an error, and what nobody waits for is a fault.
   */
  #attempt(cell: Cell, message: Message, place: Place | undefined): boolean {
    try {
      if (this.#host.options.development === true) freezePlain(message.body)
      if (place !== undefined) this.#host.dispatch(place, message)
      return true
    } catch (error) {
      // A body may be anything, and reading it may do anything: whatever that throws, it is no plain data.
      const failure = errorBody(asOvidError(error, 'not-plain-data'))
      if (message.kind === 'request') this.replyTo(message, false, failure)
      else this.#host.lookout.fault(cell.id, failure.code, `${message.type} to ${message.name}: ${failure.message}`)
      return false
    }
  }

  /** Answers a request: the reply follows the request's return path. */
  replyTo(
    request: { correlation: number; path: readonly string[]; origin: Place },
    ok: boolean,
    value: unknown,
    from = this.#host.id,
  ): void {
    const to = request.path[request.path.length - 1]
    if (to === undefined) return
    const failure = ok ? undefined : (value as ErrorBody)
    const lane = to === CONTROLLER || from === CONTROLLER || systemPlace(to) !== undefined ? 'control' : 'data'
    const reply: Message = {
      kind: ok ? 'reply' : 'error',
      lane,
      from,
      incarnation: 0,
      to,
      name: '',
      sequence: 0,
      correlation: request.correlation,
      path: request.path.slice(0, -1),
      origin: this.#host.options.place,
      as: '',
      type: failure?.code ?? '',
      body: failure === undefined ? value : failure.message,
    }
    try {
      if (this.#host.options.development === true) freezePlain(reply.body)
      // Another agent may have the asker's id by now, and that one may be here: where it was asked they know better.
      const isHere = this.#host.cells.get(to)?.asks.has(request.correlation) === true
      this.#host.dispatch(isHere ? this.#host.options.place : request.origin || this.#host.options.place, reply)
    } catch (error) {
      // An error body is short and plain (`errorBody`): that it cannot be sent is no fault of an agent.
      invariant(ok, 'I1', () => `an error for ${to} cannot be sent: ${errorBody(error).message}`)
      this.replyTo(request, false, errorBody(asOvidError(error, 'not-plain-data')), from)
    }
  }

  /** An answer whose asker was replaced goes to who owns the request now. */
  toOwner(message: Message): boolean {
    const owner = this.graves.get(message.correlation)
    if (owner === undefined) return false
    this.graves.delete(message.correlation)
    this.#host.forwarded++
    this.sendById({ ...message, to: owner })
    return true
  }

  /** Sends a message to a physical agent, wherever it is. */
  sendById(message: Message): void {
    const place =
      systemPlace(message.to) ??
      (message.to === CONTROLLER ? this.#host.options.controller : this.places.get(message.to))
    if (place === undefined) this.locate(message)
    else this.#host.dispatch(place, message)
  }

  /** BRT miss. */
  locate(message: Message): void {
    const known = this.places.get(message.to)
    if (known !== undefined && known !== this.#host.options.place) {
      this.#host.dispatch(known, message)
      return
    }
    const waiting = this.#lost.get(message.to)
    if (waiting !== undefined) {
      waiting.push(message)
      return
    }
    this.#lost.set(message.to, [message])
    this.#host.tellController('locate', { id: message.to, place: this.#host.options.place })
  }

  located(id: string, place: Place | undefined): void {
    const waiting = this.#lost.get(id) ?? []
    this.#lost.delete(id)
    if (place !== undefined && place !== this.#host.options.place) {
      this.places.set(id, place)
      for (const message of waiting) this.#host.dispatch(place, message)
      return
    }
    // Who is gone by now may have come, or have left an owner, since the question was asked.
    for (const message of waiting) {
      if (this.#host.arrive(message)) continue
      this.refuse(message, 'agent-lost', `${id} is gone`)
    }
  }

  /** Tells a sender that its message will not be handled. */
  refuse(message: Message, code: string, text: string): void {
    if (message.kind === 'request' || message.kind === 'flush') this.replyTo(message, false, { code, message: text })
    else if (message.kind === 'tell' && message.type !== '$void')
      this.#host.lookout.fault(message.to || message.name, code, `${message.type} from ${message.from}: ${text}`)
  }

  routed(route: RouteMessage): void {
    const cell = this.#host.cells.get(route.source)
    const out = cell?.outgoing.get(route.name)
    if (cell === undefined || out === undefined || !out.asked) return
    if (route.error !== undefined) {
      out.asked = false
      this.#noRoute(cell, out, route.error)
      return
    }
    const { target = '', place = '' } = route
    invariant(isWithin(target, out.name), 'prefix', () => `${out.name} resolved to ${target}`)
    this.setRoute(cell, out, target, place)
    this.drainWaiting(cell, out)
  }

  setRoute(cell: Cell, out: OutChannel, target: string, place: Place): void {
    out.asked = false
    out.target = target
    out.last = target
    out.place = place
    out.cell = place === this.#host.options.place ? this.#host.cells.get(target) : undefined
    if (place !== this.#host.options.place) this.places.set(target, place)
    let routes = this.routesTo.get(target)
    if (routes === undefined) {
      routes = new Set()
      this.routesTo.set(target, routes)
    }
    routes.add({ cell, out })
  }

  dropRoute(cell: Cell, out: OutChannel): void {
    const routes = out.target === undefined ? undefined : this.routesTo.get(out.target)
    if (routes !== undefined) {
      for (const route of routes) if (route.cell === cell && route.out === out) routes.delete(route)
      if (routes.size === 0) this.routesTo.delete(out.target as string)
    }
    out.target = undefined
    out.cell = undefined
    out.asked = false
  }

  /** Every channel that leads to a physical agent asks again at its next message. */
  dropRoutesTo(target: string): void {
    const routes = this.routesTo.get(target)
    this.routesTo.delete(target)
    for (const { cell, out } of routes ?? []) {
      leavePlace(cell, out, out.place)
      out.target = undefined
      out.cell = undefined
      out.asked = false
      if (out.waiting.length > 0) this.#miss(cell, out)
    }
  }

  /** The name leads nowhere: what waits is refused, and the channel starts afresh. */
  #noRoute(cell: Cell, out: OutChannel, error: ErrorBody): void {
    const waiting = out.waiting.toArray()
    this.dropRoute(cell, out)
    cell.outgoing.delete(out.name)
    if (out.blocked) this.#host.flow.unblock(cell, out)
    for (const message of waiting) this.refuse(message, error.code, error.message)
  }

  /** A thread ended with these agents. */
  agentsLost(lost: LostMessage): void {
    for (const id of lost.ids) {
      this.places.delete(id)
      for (const { cell, out } of [...(this.routesTo.get(id) ?? [])]) {
        const waiting = out.waiting.toArray()
        this.dropRoute(cell, out)
        cell.outgoing.delete(out.name)
        if (out.blocked) this.#host.flow.unblock(cell, out)
        for (const message of waiting) this.refuse(message, 'agent-lost', `${id} was lost with its thread`)
      }
      this.routesTo.delete(id)
    }
    // What else led to the thread has moved away from it; the controller knows where.
    for (const [id, place] of [...this.places]) if (place === lost.place) this.places.delete(id)
    for (const [target, routes] of [...this.routesTo])
      if ([...routes].some(({ out }) => out.place === lost.place)) this.dropRoutesTo(target)
    for (const cell of this.#host.cells.values()) this.#bereave(cell, lost)
  }

  /** What an agent had under way through the thread is settled: requests fail, and channels go on without it. */
  #bereave(cell: Cell, { missed, place }: LostMessage): void {
    const broken = [...cell.outgoing.values()].filter(({ past }) => past?.places.has(place) === true)
    this.#host.flushing.bereave(
      cell,
      (name) => missed.some((id) => isWithin(id, name)) || broken.some((out) => out.name === name),
    )
    const isSentBefore = ({ name, correlation }: AskRecord) =>
      broken.some((out) => out.name === name && correlation < (out.past?.correlation ?? 0))
    for (const ask of [...cell.asks.values()]) {
      const isLost = ask.origin === place || missed.some((id) => isWithin(id, ask.name))
      if (isLost || (!ask.inherited && isSentBefore(ask))) this.#failAsk(cell, ask, place)
    }
    if (broken.length > 0 && cell.definition?.form === 'proxy') {
      const doubt: DoubtMessage = { place, names: broken.map(({ name }) => name) }
      this.#host.tellController('doubt', doubt)
    }
    for (const out of broken) this.#closeGap(cell, out)
  }

  /** Requests that may have gone through a proxy to what is lost fail. */
  doubt({ place, names }: DoubtMessage): void {
    for (const cell of this.#host.cells.values())
      for (const ask of [...cell.asks.values()])
        if (names.some((name) => isWithin(name, ask.name))) this.#failAsk(cell, ask, place)
  }

  /** The request, or its answer, may be lost: who asked is told that nothing is known of it. */
  #failAsk(cell: Cell, ask: AskRecord, place: Place): void {
    this.replyTo({ correlation: ask.correlation, path: cell.path, origin: this.#host.options.place }, false, {
      code: 'agent-lost',
      message: `${place} was lost with what ran on it; whether the request to ${ask.name} took effect is unknown`,
    })
  }

  /**
   * The receiver waits for the numbers of what was lost on the way, for ever: it gets something to fill their
   * places. What did arrive, it drops as repeated.
   */
  #closeGap(cell: Cell, out: OutChannel): void {
    const { until = 0 } = out.past ?? {}
    out.past = undefined
    for (let sequence = until - 1; sequence > out.credited; sequence--) {
      out.waiting.unshift({
        kind: 'tell',
        lane: 'data',
        from: cell.id,
        incarnation: cell.serial,
        to: '',
        name: out.name,
        sequence,
        correlation: 0,
        path: [],
        origin: this.#host.options.place,
        as: '',
        type: '$void',
        body: null,
      })
    }
    this.drainWaiting(cell, out)
  }
}
