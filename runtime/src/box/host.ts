import Denque from 'denque'
import TinyQueue from 'tinyqueue'
import type { AgentDefinition, Definition, GatewayDefinition, Handler, Passing, ProxyDefinition } from '../agent/definition.js'
import type { AskRecord, DeferredRecord, TimerRecord } from '../agent/image.js'
import type { CodeRef, CodeStore } from '../latt/code.js'
import { isWithin, visibleSender } from '../latt/path.js'
import { type ErrorBody, errorBody, invariant, OvidError } from '../message/errors.js'
import type { Message, Place } from '../message/envelope.js'
import { freezePlain } from '../message/plain.js'
import { captureImage } from './capture.js'
import {
  Cell,
  type CellStatus,
  type EdgeReceiver,
  type InChannel,
  findInChannel,
  inChannel,
  type OutChannel,
  outChannel,
  type TimerDue,
  type Work,
} from './cell.js'
import { Flow } from './flow.js'
import { CONTROLLER, type GoneMessage, hostId, type RouteMessage, systemPlace } from './protocol.js'
import { Reconfiguration } from './reconfiguration.js'
import { Transition, unknownType, validated } from './transition.js'

/** What a host wants of the world around it. */
export interface HostEffects {
  /**
   * Hands a message to another place. Must keep the order per lane, and either takes the message or throws
   * an OvidError before it has taken anything of it (`not-plain-data`, `message-too-large`).
   * Returns its size in bytes. What is sent to a place that is gone is dropped: its loss is announced by
   * the controller to everyone.
   */
  send(place: Place, message: Message): number
  /** Loads code; `codeLoaded` is called when that is done, never from within. */
  load(codes: readonly CodeRef[]): void
  /** Starts a gateway behind a cell; `gatewayStarted` is called when that is done, never from within. */
  startGateway(cell: Cell, definition: GatewayDefinition, params: unknown): void
  /** Stops a gateway whose cell is gone. */
  stopGateway(id: string): void
}

export interface HostOptions {
  readonly place: Place
  readonly controller: Place
  readonly code: CodeStore
  readonly effects: HostEffects
  /** Freezes and checks messages that stay on this thread. */
  readonly development?: boolean
}

export interface HostStatistics {
  readonly agents: number
  readonly handled: number
  readonly duplicates: number
  readonly forwarded: number
  readonly forwarders: number
  readonly graves: number
  readonly queued: number
  readonly faults: number
}

export interface CellSpec {
  readonly id: string
  readonly serial: number
  readonly self: string
  readonly definition: Definition | undefined
  /** For proxies: the virtual agent's definition. */
  readonly target?: AgentDefinition | undefined
  readonly edge?: EdgeReceiver
  readonly status: Cell['status']
}

interface TimerEntry {
  readonly dueMs: number
  readonly cell: Cell
  readonly key: string
  readonly record: TimerRecord | AskRecord
}

/** A message as a watcher sees it. */
export interface Watched {
  /** When it was handled, ms since the epoch. */
  readonly at: number
  /** The physical agent that handled it. */
  readonly agent: string
  readonly kind: Message['kind'] | 'timer'
  readonly from: string
  readonly name: string
  readonly type: string
  readonly body: unknown
}

/** What an agent has done since it came to its host, and what waits. */
export interface AgentFigures {
  readonly id: string
  readonly status: CellStatus
  readonly handled: number
  /** Messages that wait to be handled. */
  readonly queued: number
  readonly timers: number
  /** Answers it waits for. */
  readonly asks: number
}

/** A watcher is for looking, not for recording: what is more than this in one run is not shown. */
const WATCHED_PER_RUN = 100

/** Messages one agent handles before the next has its turn. */
const TURN = 64

export function timerKey(record: { handler: string; id: string; key: string | undefined }): string {
  return `${record.key ?? ''}\u0000${record.handler}\u0000${record.id}`
}

/**
 * A thread's share of the box core: its agents' mailboxes, cursors, routing tables and timers. A pure state
 * machine: messages and time come in by `receive` and `run`, messages go out by `HostEffects.send`.
 */
export class Host {
  readonly options: HostOptions
  readonly id: string
  readonly cells = new Map<string, Cell>()
  /** This thread's share of the box routing table (BRT): physical agent id to place. A cache. */
  readonly places = new Map<string, Place>()
  /** Channels by the physical agent they lead to: what to touch when a route changes. */
  readonly routesTo = new Map<string, Set<{ cell: Cell; out: OutChannel }>>()
  /** Cells that have a cursor for an incarnation: what to collect when the sender is gone. */
  readonly cursorsOf = new Map<number, Set<Cell>>()
  /** Answers that arrive here though who asked is gone: correlation to the owner of the request. */
  readonly graves = new Map<number, string>()
  readonly reconfiguration: Reconfiguration
  readonly flow: Flow
  readonly faults = new Map<string, { id: string; code: string; message: string; count: number }>()
  now = 0
  duplicates = 0
  forwarded = 0
  handled = 0
  readonly #runnable = new Denque<Cell>()
  readonly #timers = new TinyQueue<TimerEntry>([], (a, b) => a.dueMs - b.dueMs)
  #cancelled = 0
  readonly #transition = new Transition()
  /** Messages to agents whose place is being asked for. */
  readonly #lost = new Map<string, Message[]>()
  readonly #joining = new Map<number, (id: string, serial: number) => void>()
  #nextJoin = 1
  #watchers: { readonly id: string; readonly to: string; left: number }[] = []

  constructor(options: HostOptions) {
    this.options = options
    this.id = hostId(options.place)
    this.reconfiguration = new Reconfiguration(this)
    this.flow = new Flow(this)
  }

  // ------------------------------------------------------------------------------------------- life of cells

  makeCell(spec: CellSpec): Cell {
    const cell = new Cell({ ...spec, edge: spec.edge, target: spec.target })
    cell.random = Math.imul(spec.serial, 0x85ebca6b) | 0
    return cell
  }

  putCell(cell: Cell): void {
    invariant(!this.cells.has(cell.id), 'I5', () => `${cell.id} already lives on ${this.options.place}`)
    this.cells.set(cell.id, cell)
    this.places.set(cell.id, this.options.place)
  }

  addCell(spec: CellSpec): Cell {
    const cell = this.makeCell(spec)
    this.putCell(cell)
    return cell
  }

  noteCursor(incarnation: number, cell: Cell): void {
    const cells = this.cursorsOf.get(incarnation)
    if (cells === undefined) this.cursorsOf.set(incarnation, new Set([cell]))
    else cells.add(cell)
  }

  /** Cursors of a sender that is gone are collected. */
  collect(incarnation: number): void {
    for (const cell of this.cursorsOf.get(incarnation) ?? []) cell.incoming.delete(incarnation)
    this.cursorsOf.delete(incarnation)
  }

  removeCell(cell: Cell): void {
    if (this.cells.get(cell.id) === cell) {
      this.cells.delete(cell.id)
      this.places.delete(cell.id)
    }
    for (const out of cell.outgoing.values()) this.dropRoute(cell, out)
    for (const incarnation of cell.incoming.keys()) {
      const cells = this.cursorsOf.get(incarnation)
      cells?.delete(cell)
      if (cells?.size === 0) this.cursorsOf.delete(incarnation)
    }
    this.#cancelled += cell.timers.size
    cell.timers.clear()
    cell.status = 'wedged'
  }

  /** Asks the controller for an id for an edge; `then` gets its cell. */
  join(receiver: EdgeReceiver, then: (cell: Cell) => void): void {
    const token = this.#nextJoin++
    this.#joining.set(token, (id, serial) => then(this.addCell({ id, serial, self: id, definition: undefined, edge: receiver, status: 'running' })))
    this.tellController('join', { token, place: this.options.place })
  }

  /** Ends an edge: when everything it has sent is consumed, the controller forgets it and its proxies. */
  leave(cell: Cell, done: () => void): void {
    this.flush(cell, () => true, () => {
      this.removeCell(cell)
      this.tellController('leave', { id: cell.id })
      done()
    })
  }

  // ------------------------------------------------------------------------------------------------- sending

  /** A message of the box's own, to a system agent. Returns the bytes it took to send it. */
  tellSystem(to: string, place: Place, type: string, body: unknown, lane: 'control' | 'data' = 'control'): number {
    return this.dispatch(place, {
      kind: 'tell', lane, from: this.id, incarnation: 0, to, name: to, sequence: 0, correlation: 0, path: [], origin: this.options.place, as: '', type, body,
    })
  }

  tellController(type: string, body: unknown): void {
    this.tellSystem(CONTROLLER, this.options.controller, type, body)
  }

  /** Hands a message to a place, this one included. */
  dispatch(place: Place, message: Message): number {
    if (place !== this.options.place) return this.options.effects.send(place, message)
    this.receive(message)
    return 0
  }

  newCorrelation(cell: Cell): number {
    const correlation = cell.serial * 2 ** 26 + cell.nextCorrelation
    cell.nextCorrelation = (cell.nextCorrelation + 1) % 2 ** 26
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
    if (this.options.development === true) freezePlain(body)
    const place = name === CONTROLLER ? this.options.controller : systemPlace(name)
    if (place !== undefined) {
      this.dispatch(place, { kind, lane: 'control', from: cell.id, incarnation: cell.serial, to: name, name, sequence: 0, correlation, path, origin, as, type, body } as Message)
      return
    }
    const out = outChannel(cell, name)
    const message: Message = {
      kind, lane: 'data', from: cell.id, incarnation: cell.serial, to: out.target ?? '', name, sequence: out.next++, correlation, path, origin, as, type, body,
    }
    if (out.target === undefined || out.waiting.length > 0 || message.sequence - out.credited > this.flow.window) {
      out.waiting.push(message)
      if (out.target === undefined) this.#miss(cell, out)
      this.flow.checkWindow(cell, out)
    } else {
      this.#transmit(cell, out, message)
    }
  }

  /** ART miss: the controller is asked, once; messages wait in order. */
  #miss(cell: Cell, out: OutChannel): void {
    if (out.asked) return
    out.asked = true
    this.tellController('resolve', { source: cell.id, name: out.name, place: this.options.place })
  }

  /** Sends what waits on a channel as far as route and window allow. */
  drainWaiting(cell: Cell, out: OutChannel): void {
    while (out.target !== undefined && out.waiting.length > 0) {
      const head = out.waiting.peekFront() as Message
      if (head.sequence - out.credited > this.flow.window) break
      out.waiting.shift()
      this.#transmit(cell, out, { ...head, to: out.target })
    }
    if (out.target === undefined && out.waiting.length > 0) this.#miss(cell, out)
    this.flow.checkWindow(cell, out)
    if (cell.region !== undefined) this.reconfiguration.checkDrained(cell)
  }

  #transmit(cell: Cell, out: OutChannel, message: Message): void {
    if (out.cell !== undefined) {
      this.#deliver(out.cell, message)
      return
    }
    try {
      this.dispatch(out.place, message)
    } catch (error) {
      if (!(error instanceof OvidError)) throw error
      // The number is taken: something must fill its place, or the channel would wait for it for ever.
      this.dispatch(out.place, { ...message, kind: 'tell', correlation: 0, path: [], as: '', type: '$void', body: null })
      if (message.kind === 'request') this.replyTo(message, false, errorBody(error))
      else this.fault(cell.id, error.code, `${message.type} to ${message.name}: ${error.message}`)
    }
  }

  /** Answers a request: the reply follows the request's return path. */
  replyTo(request: { correlation: number; path: readonly string[]; origin: Place }, ok: boolean, value: unknown, from = this.id): void {
    const to = request.path[request.path.length - 1]
    if (to === undefined) return
    const failure = ok ? undefined : (value as ErrorBody)
    if (ok && this.options.development === true) freezePlain(value)
    const lane = to === CONTROLLER || from === CONTROLLER || systemPlace(to) !== undefined ? 'control' : 'data'
    const reply: Message = {
      kind: ok ? 'reply' : 'error', lane, from, incarnation: 0, to, name: '', sequence: 0, correlation: request.correlation,
      path: request.path.slice(0, -1), origin: this.options.place, as: '', type: failure?.code ?? '', body: failure === undefined ? value : failure.message,
    }
    try {
      this.dispatch(this.cells.has(to) ? this.options.place : request.origin || this.options.place, reply)
    } catch (error) {
      if (!(error instanceof OvidError) || !ok) throw error
      this.replyTo(request, false, errorBody(error), from)
    }
  }

  // ----------------------------------------------------------------------------------------------- receiving

  /** A message arrives on this thread. */
  receive(message: Message): void {
    if (message.to === this.id) {
      this.#system(message)
      return
    }
    if (this.#arrive(message)) return
    // Credit for a sender that is gone is of no use; the place of one that moved is known from the route stage.
    if (message.kind === 'credit' && !this.places.has(message.to)) return
    this.#locate(message)
  }

  /** Gives a message to who it is for, or to who stands for that one here. Says whether there is anybody. */
  #arrive(message: Message): boolean {
    const cell = this.cells.get(message.to)
    if (cell !== undefined) {
      this.#deliver(cell, message)
      return true
    }
    if (this.reconfiguration.forward(message)) return true
    return (message.kind === 'reply' || message.kind === 'error') && this.#toOwner(message)
  }

  /** An answer whose asker was replaced goes to who owns the request now. */
  #toOwner(message: Message): boolean {
    const owner = this.graves.get(message.correlation)
    if (owner === undefined) return false
    this.graves.delete(message.correlation)
    this.forwarded++
    this.sendById({ ...message, to: owner })
    return true
  }

  /** Sends a message to a physical agent, wherever it is. */
  sendById(message: Message): void {
    const place = systemPlace(message.to) ?? (message.to === CONTROLLER ? this.options.controller : this.places.get(message.to))
    if (place === undefined) this.#locate(message)
    else this.dispatch(place, message)
  }

  /** BRT miss. */
  #locate(message: Message): void {
    const known = this.places.get(message.to)
    if (known !== undefined && known !== this.options.place) {
      this.dispatch(known, message)
      return
    }
    const waiting = this.#lost.get(message.to)
    if (waiting !== undefined) {
      waiting.push(message)
      return
    }
    this.#lost.set(message.to, [message])
    this.tellController('locate', { id: message.to, place: this.options.place })
  }

  #located(id: string, place: Place | undefined): void {
    const waiting = this.#lost.get(id) ?? []
    this.#lost.delete(id)
    if (place !== undefined && place !== this.options.place) {
      this.places.set(id, place)
      for (const message of waiting) this.dispatch(place, message)
      return
    }
    // Who is gone by now may have come, or have left an owner, since the question was asked.
    for (const message of waiting) {
      if (this.#arrive(message)) continue
      this.refuse(message, 'agent-lost', `${id} is gone`)
    }
  }

  /** Tells a sender that its message will not be handled. */
  refuse(message: Message, code: string, text: string): void {
    if (message.kind === 'request' || message.kind === 'flush') this.replyTo(message, false, { code, message: text })
    else if (message.kind === 'tell' && message.type !== '$void') this.fault(message.to, code, `${message.type} from ${message.from}: ${text}`)
  }

  #deliver(cell: Cell, message: Message): void {
    if (cell.status === 'wedged') {
      cell.late.push(message)
      return
    }
    if (message.kind === 'credit') {
      this.flow.credit(cell, message)
      return
    }
    if (message.sequence === 0) {
      this.enqueue(cell, message, undefined)
      return
    }
    const channel = inChannel(cell, message, () => this.#sender(cell, message))
    if (message.sequence !== channel.next) {
      this.#outOfTurn(channel, message)
      return
    }
    channel.next++
    this.enqueue(cell, message, channel)
    while (channel.early !== undefined && channel.early.size > 0) {
      const next = channel.early.get(channel.next)
      if (next === undefined) break
      channel.early.delete(channel.next++)
      this.enqueue(cell, next, channel)
    }
  }

  #sender(cell: Cell, message: Message): string {
    this.noteCursor(message.incarnation, cell)
    return visibleSender(message.from, cell.id)
  }

  #outOfTurn(channel: InChannel, message: Message): void {
    if (message.sequence < channel.next || channel.early?.has(message.sequence) === true) {
      this.duplicates++
      return
    }
    channel.early ??= new Map()
    channel.early.set(message.sequence, message)
    // A sender never has more than its window under way (flow.ts), so what waits for its turn is bounded.
    invariant(channel.early.size <= this.flow.window, 'bound', () => `${channel.early?.size} early messages from ${channel.from}`)
  }

  /** Puts an accepted message where it belongs: mailbox, parked, or straight to an edge. */
  enqueue(cell: Cell, message: Message, channel: InChannel | undefined): void {
    if (message.kind === 'reply' || message.kind === 'error') {
      if (this.#flushed(cell, message)) return
      if (!cell.asks.has(message.correlation)) {
        if (!this.#toOwner(message)) this.duplicates++
        return
      }
    }
    if (message.kind === 'flush' && cell.definition?.form !== 'proxy') {
      // What came before stands in the mailbox, and the mailbox moves with the agent: that is far enough.
      this.replyTo(message, true, null)
      if (channel !== undefined) this.flow.consumed(message)
      return
    }
    if (cell.edge !== undefined) {
      this.#toEdge(cell, cell.edge, message, channel)
      return
    }
    if (cell.status === 'faulty') {
      this.refuse(message, 'agent-faulty', `${cell.id} is wedged by a fault in its code`)
      if (channel !== undefined) this.flow.consumed(message)
      return
    }
    if (cell.isExternal(message)) cell.parked.push(message)
    else {
      cell.mailbox.push(message)
      this.schedule(cell)
    }
  }

  #toEdge(cell: Cell, edge: EdgeReceiver, message: Message, channel: InChannel | undefined): void {
    cell.handled++
    if (message.kind === 'reply' || message.kind === 'error') {
      if (cell.asks.delete(message.correlation)) edge.settle(message.correlation, message)
      else this.duplicates++
    }
    else if (message.type !== '$void') edge.receive(message, message.as || (channel?.sender ?? message.from))
    if (channel !== undefined) this.flow.consumed(message)
  }

  #system(message: Message): void {
    const body = message.body as never
    switch (message.type) {
      case 'operation':
        this.reconfiguration.operate(body)
        break
      case '$carry':
        this.reconfiguration.carried(body)
        break
      case '$fence':
        this.reconfiguration.fence(body)
        break
      case 'route':
        this.#routed(body)
        break
      case 'located':
        this.#located((body as { id: string }).id, (body as { place?: Place }).place)
        break
      case 'joined': {
        const { token, id, serial } = body as { token: number; id: string; serial: number }
        const then = this.#joining.get(token)
        this.#joining.delete(token)
        then?.(id, serial)
        break
      }
      case 'spawn':
        this.reconfiguration.spawn(body)
        break
      case 'gone':
        this.#gone(body)
        break
      case 'forget':
        this.graves.delete((body as { correlation: number }).correlation)
        break
      case 'lost':
        this.#agentsLost((body as { ids: readonly string[] }).ids)
        break
      case 'image':
        this.#image(message)
        break
      case 'watch':
        this.#watch(message)
        break
      case 'figures':
        this.#figures(message)
        break
      case 'probe':
        this.flow.probe(body)
        break
      case 'relief':
        this.flow.relief(body)
        break
      default:
        this.fault(this.id, 'unknown-message', `${message.type} from ${message.from}`)
    }
  }

  // --------------------------------------------------------------------------------------------- looking in

  /** A copy of an agent's image, for people: the agent runs on. */
  #image(request: Message): void {
    const { id } = request.body as { id: string }
    const cell = this.cells.get(id)
    if (cell === undefined) this.replyTo(request, false, { code: 'agent-lost', message: `${id} is not on ${this.options.place}` })
    else this.replyTo(request, true, structuredClone(captureImage(cell, id)))
  }

  #figures(request: Message): void {
    const { id } = request.body as { id: string }
    const figures = [...this.cells.values()]
      .filter((cell) => isWithin(cell.id, id))
      .map((cell): AgentFigures => {
        const { status, handled, mailbox, parked, late, timers, asks } = cell
        return { id: cell.id, status, handled, queued: mailbox.length + parked.length + late.length, timers: timers.size, asks: asks.size }
      })
    this.replyTo(request, true, figures)
  }

  /** Begins or ends sending a watcher a copy of what the agents at and below an id handle. */
  #watch(request: Message): void {
    const { id, on } = request.body as { id: string; on: boolean }
    const to = request.path[0] ?? ''
    this.#watchers = this.#watchers.filter((watcher) => watcher.id !== id || watcher.to !== to)
    if (on) this.#watchers.push({ id, to, left: WATCHED_PER_RUN })
    this.replyTo(request, true, null)
  }

  #show(cell: Cell, work: Work): void {
    for (const watcher of this.#watchers) {
      if (!isWithin(cell.id, watcher.id) || watcher.left-- <= 0) continue
      const { kind } = work
      const { from, name, type, body } = kind === 'timer' ? { from: cell.id, name: cell.id, type: work.timer.handler, body: work.timer.data } : work
      const shown: Watched = { at: this.now, agent: cell.id, kind, from, name, type, body }
      this.sendById({
        kind: 'tell', lane: 'data', from: this.id, incarnation: 0, to: watcher.to, name: '', sequence: 0, correlation: 0, path: [], origin: '', as: '', type: 'watched', body: shown,
      })
    }
  }

  // ------------------------------------------------------------------------------------------------- routing

  #routed(route: RouteMessage): void {
    const cell = this.cells.get(route.source)
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
    out.cell = place === this.options.place ? this.cells.get(target) : undefined
    if (place !== this.options.place) this.places.set(target, place)
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
    if (out.blocked) this.flow.unblock(cell, out)
    for (const message of waiting) this.refuse(message, error.code, error.message)
  }

  /** Clients that left, and their proxies. */
  #gone(message: GoneMessage): void {
    for (const id of message.ids) {
      this.dropRoutesTo(id)
      const cell = this.cells.get(id)
      if (cell !== undefined) this.removeCell(cell)
      this.places.delete(id)
    }
    for (const serial of message.serials) this.collect(serial)
  }

  /** A thread or box ended with these agents. */
  #agentsLost(ids: readonly string[]): void {
    for (const id of ids) {
      this.places.delete(id)
      for (const { cell, out } of [...(this.routesTo.get(id) ?? [])]) {
        const waiting = out.waiting.toArray()
        this.dropRoute(cell, out)
        cell.outgoing.delete(out.name)
        if (out.blocked) this.flow.unblock(cell, out)
        for (const message of waiting) this.refuse(message, 'agent-lost', `${id} was lost with its thread`)
      }
      this.routesTo.delete(id)
    }
    for (const cell of this.cells.values()) this.#failAsks(cell, ids)
  }

  /** Requests to what was lost, or to what it was part of, may never be answered: who asked is told. */
  #failAsks(cell: Cell, ids: readonly string[]): void {
    for (const ask of [...cell.asks.values()]) {
      const lost = ids.find((id) => isWithin(id, ask.name))
      if (lost === undefined) continue
      this.replyTo(
        { correlation: ask.correlation, path: cell.path, origin: this.options.place }, false,
        { code: 'agent-lost', message: `${lost} was lost with its thread; whether the request to ${ask.name} took effect is unknown` },
      )
    }
  }

  // -------------------------------------------------------------------------------------------------- running

  schedule(cell: Cell): void {
    if (cell.scheduled || cell.status !== 'running' || cell.mailbox.length === 0) return
    if (cell.blocked > 0 && !cell.relieved) return
    cell.scheduled = true
    this.#runnable.push(cell)
  }

  /** Whether `run` would find something to do now. */
  get busy(): boolean {
    return this.#runnable.length > 0
  }

  /** When the next timer is due, ms; undefined: none. */
  nextTimerAt(): number | undefined {
    const timer = this.#timers.peek()?.dueMs
    const probe = this.flow.nextProbeAt()
    return timer === undefined ? probe : probe === undefined ? timer : Math.min(timer, probe)
  }

  /** Time moves to `now` (ms since the epoch), due timers fire, and up to `budget` messages are handled. */
  run(now: number, budget: number): number {
    this.now = Math.max(this.now, now)
    for (const watcher of this.#watchers) watcher.left = WATCHED_PER_RUN
    this.#fireTimers()
    this.flow.tick()
    let left = budget
    while (left > 0) {
      const cell = this.#runnable.shift()
      if (cell === undefined) break
      cell.scheduled = false
      let turn = Math.min(TURN, left)
      while (turn > 0 && cell.status === 'running' && (cell.blocked === 0 || cell.relieved)) {
        const work = cell.mailbox.shift()
        if (work === undefined) break
        this.#handle(cell, work)
        turn--
        left--
      }
      this.schedule(cell)
      if (cell.region !== undefined) this.reconfiguration.checkDrained(cell)
    }
    return budget - left
  }

  #handle(cell: Cell, work: Work): void {
    cell.handled++
    this.handled++
    if (this.#watchers.length > 0) this.#show(cell, work)
    if (work.kind === 'timer') {
      this.#handleTimer(cell, work)
      return
    }
    // The sender may be gone and its cursor collected: what it sent before is handled all the same.
    const channel = work.sequence === 0 ? undefined : findInChannel(cell, work)
    if (work.kind === 'reply' || work.kind === 'error') this.#handleAnswer(cell, work)
    else if (work.kind === 'flush') this.#passFlush(cell, work)
    else if (work.type !== '$void') this.#handleMessage(cell, work, work.as || (channel?.sender ?? visibleSender(work.from, cell.id)))
    if (work.sequence !== 0) this.flow.consumed(work)
  }

  #handleMessage(cell: Cell, message: Message, sender: string): void {
    const definition = cell.definition as AgentDefinition | ProxyDefinition
    const transition = this.#transition
    transition.begin(cell, this.now, sender, message.kind === 'request')
    let reply: unknown
    let key: string | undefined
    try {
      if (definition.form === 'proxy') {
        const passing: Passing = { kind: message.kind as 'request' | 'tell', type: message.type, body: message.body, sender }
        definition.pass(cell.state, passing, transition)
      } else {
        const handler = definition.handlers.get(message.type)
        if (handler === undefined) throw unknownType(definition, message.type)
        reply = handler(cell.state, validated(definition, message.type, message.body), transition)
        if (reply instanceof Promise) throw new TypeError(`handler ${message.type} returned a promise; handlers are synchronous`)
      }
      if (transition.effects.length > 0 && definition.form === 'agent') key = definition.partition?.keyOf(message.body, message.type)
    } catch (error) {
      this.#failed(cell, message, error)
      return
    } finally {
      transition.end()
    }
    const deferred = transition.deferred
    this.#perform(cell, message, key)
    if (definition.form === 'agent' && message.kind === 'request' && !deferred) this.replyTo(message, true, reply === undefined ? null : reply, cell.id)
  }

  /** A handler threw. Its effects are discarded; unless the error was an expected one, the agent is wedged. */
  #failed(cell: Cell, message: Message | undefined, error: unknown): void {
    const body = errorBody(error)
    const read = message !== undefined && (cell.definition as AgentDefinition).reads?.[message.type] !== undefined
    if (error instanceof OvidError || read) {
      if (message?.kind === 'request') this.replyTo(message, false, body, cell.id)
      else this.fault(cell.id, body.code, `${message?.type ?? 'timer or answer'}: ${body.message}`)
      return
    }
    const text = `${cell.id}: ${body.message}`
    this.fault(cell.id, 'agent-faulty', text)
    if (message?.kind === 'request') this.replyTo(message, false, { code: 'agent-faulty', message: text }, cell.id)
    this.wedgeFaulty(cell, text)
  }

  /** From here on everything sent to the agent is refused: half-changed state does not run on. */
  wedgeFaulty(cell: Cell, text: string): void {
    cell.status = 'faulty'
    const left = [...cell.mailbox.toArray(), ...cell.parked]
    cell.mailbox.clear()
    cell.parked.length = 0
    for (const work of left) if (work.kind !== 'timer') this.refuse(work, 'agent-faulty', text)
    for (const owed of cell.deferred.values()) this.replyTo(owed, false, { code: 'agent-faulty', message: text }, cell.id)
    cell.deferred.clear()
    this.tellController('faulty', { id: cell.id, message: text })
  }

  #handleAnswer(cell: Cell, message: Message): void {
    const ask = cell.asks.get(message.correlation)
    if (ask === undefined) {
      this.duplicates++
      return
    }
    cell.asks.delete(message.correlation)
    if (ask.dueMs > 0) this.#cancelled++
    if (ask.inherited) this.#forget(ask)
    const definition = cell.definition as AgentDefinition
    const outcome =
      message.kind === 'reply'
        ? { ok: true as const, value: message.body, data: ask.data }
        : { ok: false as const, error: { code: message.type, message: String(message.body) }, data: ask.data }
    this.#callback(cell, ask.key, () => definition.replies?.[ask.then]?.(cell.state, outcome, this.#transition), ask.name)
  }

  /** The answer is here: where it was asked for nobody needs to know its owner any more. */
  #forget(ask: AskRecord): void {
    const { correlation, origin } = ask
    if (origin === this.options.place) this.graves.delete(correlation)
    else this.tellSystem(hostId(origin), origin, 'forget', { correlation })
  }

  #handleTimer(cell: Cell, work: TimerDue): void {
    const key = timerKey(work.timer)
    if (cell.timers.get(key) !== work.timer) return
    cell.timers.delete(key)
    const definition = cell.definition as AgentDefinition
    this.#callback(cell, work.timer.key, () => definition.timers?.[work.timer.handler]?.(cell.state, work.timer.data, this.#transition), cell.self)
  }

  #callback(cell: Cell, key: string | undefined, call: () => void, sender: string): void {
    this.#transition.begin(cell, this.now, sender, false)
    try {
      call()
    } catch (error) {
      this.#failed(cell, undefined, error)
      return
    } finally {
      this.#transition.end()
    }
    this.#perform(cell, undefined, key)
  }

  /** Does what a transition wants done, in the order it said so. `key`: the partition key it was about. */
  #perform(cell: Cell, cause: Message | undefined, key: string | undefined): void {
    const { effects } = this.#transition
    if (effects.length === 0) return
    // Sending on one thread may run nothing, but it may grow `effects` of no other transition: take them first.
    for (const effect of effects.splice(0)) {
      switch (effect.op) {
        case 'tell':
          this.sendFrom(cell, 'tell', effect.name, effect.type, effect.body, 0, [], '', '')
          break
        case 'ask': {
          const { then, data = null, timeoutMs = 0 } = effect.options
          const correlation = this.newCorrelation(cell)
          const dueMs = timeoutMs > 0 ? cell.now + timeoutMs : 0
          const ask: AskRecord = { correlation, name: effect.name, then, data, key, origin: this.options.place, dueMs, inherited: false }
          this.addAsk(cell, ask)
          this.sendFrom(cell, 'request', effect.name, effect.type, effect.body, correlation, cell.path, this.options.place, '')
          break
        }
        case 'defer': {
          const { correlation, path, origin } = cause as Message
          cell.deferred.set(effect.token, { token: effect.token, key, correlation, path, origin })
          break
        }
        case 'reply':
        case 'refuse': {
          const owed: DeferredRecord | undefined = cell.deferred.get(effect.token)
          if (owed === undefined) break
          cell.deferred.delete(effect.token)
          if (effect.op === 'reply') this.replyTo(owed, true, effect.value, cell.id)
          else this.replyTo(owed, false, { code: effect.code, message: effect.message }, cell.id)
          break
        }
        case 'timer': {
          const { handler, id = '', afterMs, data = null } = effect.options
          this.addTimer(cell, { handler, id, key, dueMs: cell.now + Math.max(0, afterMs), data })
          break
        }
        case 'clear':
          if (cell.timers.delete(timerKey({ handler: effect.handler, id: effect.id, key }))) this.#cancelled++
          break
        case 'pass': {
          const { kind, type, body, correlation, path, origin, as } = cause as Message
          const sender = as || visibleSender((cause as Message).from, cell.id)
          this.sendFrom(cell, kind as 'request' | 'tell', effect.name, type, body, correlation, path, origin, sender)
          break
        }
      }
    }
  }

  // --------------------------------------------------------------------------------------------------- timers

  addTimer(cell: Cell, record: TimerRecord): void {
    const key = timerKey(record)
    if (cell.timers.has(key)) this.#cancelled++
    cell.timers.set(key, record)
    this.#timers.push({ dueMs: record.dueMs, cell, key, record })
    if (this.#cancelled > 1000 && this.#cancelled > this.#timers.length / 2) this.#dropCancelled()
  }

  addAsk(cell: Cell, ask: AskRecord): void {
    cell.asks.set(ask.correlation, ask)
    if (ask.dueMs > 0) this.#timers.push({ dueMs: ask.dueMs, cell, key: '', record: ask })
  }

  #stands(entry: TimerEntry): boolean {
    if (this.cells.get(entry.cell.id) !== entry.cell) return false
    return 'then' in entry.record ? entry.cell.asks.get(entry.record.correlation) === entry.record : entry.cell.timers.get(entry.key) === entry.record
  }

  #dropCancelled(): void {
    const standing = this.#timers.data.filter((entry) => this.#stands(entry))
    this.#timers.data = []
    this.#timers.length = 0
    for (const entry of standing) this.#timers.push(entry)
    this.#cancelled = 0
  }

  #fireTimers(): void {
    for (let head = this.#timers.peek(); head !== undefined && head.dueMs <= this.now; head = this.#timers.peek()) {
      this.#timers.pop()
      if (!this.#stands(head)) continue
      this.#due(head)
    }
  }

  /** Timers of held agents rest: `rearm` puts them back when the agent runs again. */
  #due(entry: TimerEntry): void {
    const { cell, record } = entry
    if (cell.status !== 'running' || cell.region !== undefined) return
    if ('then' in record) {
      const origin = this.options.place
      this.replyTo({ correlation: record.correlation, path: cell.path, origin }, false, { code: 'timeout', message: `${record.name} did not answer in time` })
      return
    }
    cell.mailbox.push({ kind: 'timer', timer: record })
    this.schedule(cell)
  }

  rearm(cell: Cell): void {
    for (const [key, record] of cell.timers) this.#timers.push({ dueMs: record.dueMs, cell, key, record })
    for (const record of cell.asks.values()) if (record.dueMs > 0) this.#timers.push({ dueMs: record.dueMs, cell, key: '', record })
  }

  // ---------------------------------------------------------------------------------------------------- flush

  /** Sends a marker down every channel of a cell for which `which` says yes; `done` when all are answered. */
  flush(cell: Cell, which: (out: OutChannel) => boolean, done: () => void): void {
    const outs = [...cell.outgoing.values()].filter((out) => out.next > 1 && which(out))
    if (outs.length === 0) {
      done()
      return
    }
    const open = new Set<number>()
    cell.flushing.push({ open, done })
    const sends = outs.map((out) => ({ out, correlation: this.newCorrelation(cell) }))
    for (const { correlation } of sends) open.add(correlation)
    for (const { out, correlation } of sends) this.sendFrom(cell, 'flush', out.name, '$flush', null, correlation, cell.path, this.options.place, '')
  }

  #flushed(cell: Cell, message: Message): boolean {
    const flush = cell.flushing.find((each) => each.open.has(message.correlation))
    if (flush === undefined) return false
    flush.open.delete(message.correlation)
    if (flush.open.size === 0) {
      cell.flushing = cell.flushing.filter((each) => each !== flush)
      flush.done()
    }
    return true
  }

  /** A proxy has consumed a marker when everything it sent on before has been consumed as well. */
  #passFlush(cell: Cell, message: Message): void {
    this.flush(cell, () => true, () => this.replyTo(message, true, null))
  }

  // --------------------------------------------------------------------------------------------------- faults

  /** Something went wrong that no caller waits for: counted, and said to the controller once. */
  fault(id: string, code: string, message: string): void {
    const key = `${id}\u0000${code}`
    const found = this.faults.get(key)
    if (found !== undefined) {
      found.count++
      return
    }
    if (this.faults.size >= 1000) this.faults.delete(this.faults.keys().next().value as string)
    this.faults.set(key, { id, code, message, count: 1 })
    this.tellController('fault', { id, place: this.options.place, code, message })
  }

  statistics(): HostStatistics {
    let queued = 0
    for (const cell of this.cells.values()) queued += cell.mailbox.length + cell.parked.length + cell.late.length
    return {
      agents: this.cells.size,
      handled: this.handled,
      duplicates: this.duplicates,
      forwarded: this.forwarded,
      forwarders: this.reconfiguration.forwarders,
      graves: this.graves.size,
      queued,
      faults: this.faults.size,
    }
  }
}

export type { Handler }
