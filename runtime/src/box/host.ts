import Denque from 'denque'
import type { AgentDefinition, Definition, GatewayDefinition } from '../agent/definition.js'
import type { CodeRef, CodeStore } from '../latt/code.js'
import { visibleSender } from '../latt/path.js'
import type { Message, Place } from '../message/envelope.js'
import { invariant } from '../message/errors.js'
import { Cell, type EdgeReceiver, findInChannel, type InChannel, newInChannel } from './cell.js'
import { Flow } from './flow.js'
import { Flushing } from './flushing.js'
import { Handling } from './handling.js'
import { Lookout } from './lookout.js'
import { CONTROLLER, type GoneMessage, hostId, systemPlace } from './protocol.js'
import { Reconfiguration } from './reconfiguration.js'
import { Routing } from './routing.js'
import { Timers } from './timers.js'

/** What a host wants of the world around it. */
export interface HostEffects {
  /**
   * Hands a message to another place. Must keep the order per lane, and either takes the message or throws
   * an OvidError before it has taken anything of it (`not-plain-data`, `message-too-large`).
   * Returns its size in bytes. What is sent to a place that is gone is dropped: its loss is announced by
   * the controller to everyone.
   */
  send(place: Place, message: Message): number
  /** Whether there is such a place, as far as is known here. */
  reaches(place: Place): boolean
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

/** What a host does for anybody; all else only for the controller, box managers and other hosts. */
const OPEN_TO_ALL: ReadonlySet<string> = new Set(['image', 'figures', 'watch'])

/** Messages one agent handles before the next has its turn. */
const TURN = 64
/** Senders that are gone, of which the last are remembered. */
const MOST_ENDED = 10_000

/**
 * A thread's share of the box core: its agents' mailboxes, cursors, routing tables and timers. A pure state
 * machine: messages and time come in by `receive` and `run`, messages go out by `HostEffects.send`.
 */
export class Host {
  readonly options: HostOptions
  readonly id: string
  readonly cells = new Map<string, Cell>()
  /** Cells that have a cursor for an incarnation: what to collect when the sender is gone. */
  readonly cursorsOf = new Map<number, Set<Cell>>()
  readonly routing: Routing
  readonly flow: Flow
  readonly flushing: Flushing
  readonly handling: Handling
  readonly timers: Timers
  readonly lookout: Lookout
  readonly reconfiguration: Reconfiguration
  now = 0
  duplicates = 0
  forwarded = 0
  handled = 0
  readonly #runnable = new Denque<Cell>()
  /** Senders that are gone: what a lost one had on its way makes no new cursor, for nobody would collect it. */
  readonly #ended = new Set<number>()
  readonly #joining = new Map<number, (id: string, serial: number) => void>()
  #nextJoin = 1

  constructor(options: HostOptions) {
    this.options = options
    this.id = hostId(options.place)
    this.routing = new Routing(this)
    this.flow = new Flow(this)
    this.flushing = new Flushing(this)
    this.handling = new Handling(this)
    this.timers = new Timers(this)
    this.lookout = new Lookout(this)
    this.reconfiguration = new Reconfiguration(this)
  }

  makeCell(spec: CellSpec): Cell {
    const cell = new Cell({ ...spec, edge: spec.edge, target: spec.target })
    cell.random = Math.imul(spec.serial, 0x85ebca6b) | 0
    return cell
  }

  putCell(cell: Cell): void {
    invariant(!this.cells.has(cell.id), 'I5', () => `${cell.id} already lives on ${this.options.place}`)
    this.cells.set(cell.id, cell)
    this.routing.places.set(cell.id, this.options.place)
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
    this.#ended.add(incarnation)
    if (this.#ended.size > MOST_ENDED) this.#ended.delete(this.#ended.values().next().value as number)
    for (const cell of this.cursorsOf.get(incarnation) ?? []) cell.incoming.delete(incarnation)
    this.cursorsOf.delete(incarnation)
  }

  removeCell(cell: Cell): void {
    if (this.cells.get(cell.id) === cell) {
      this.cells.delete(cell.id)
      this.routing.places.delete(cell.id)
    }
    for (const out of cell.outgoing.values()) this.routing.dropRoute(cell, out)
    for (const incarnation of cell.incoming.keys()) {
      const cells = this.cursorsOf.get(incarnation)
      cells?.delete(cell)
      if (cells?.size === 0) this.cursorsOf.delete(incarnation)
    }
    this.timers.cancelled += cell.timers.size
    cell.timers.clear()
    cell.status = 'wedged'
  }

  /** Asks the controller for an id for an edge; `then` gets its cell. */
  join(receiver: EdgeReceiver, then: (cell: Cell) => void): void {
    const token = this.#nextJoin++
    this.#joining.set(token, (id, serial) =>
      then(this.addCell({ id, serial, self: id, definition: undefined, edge: receiver, status: 'running' })),
    )
    this.tellController('join', { token, place: this.options.place })
  }

  /** Ends an edge: when everything it has sent is consumed, the controller forgets it and its proxies. */
  leave(cell: Cell, done: () => void): void {
    this.flushing.flush(
      cell,
      () => true,
      () => {
        this.removeCell(cell)
        this.tellController('leave', { id: cell.id })
        done()
      },
    )
  }

  /** A message of the box's own, to a system agent. Returns the bytes it took to send it. */
  tellSystem(to: string, place: Place, type: string, body: unknown, lane: 'control' | 'data' = 'control'): number {
    return this.dispatch(place, {
      kind: 'tell',
      lane,
      from: this.id,
      incarnation: 0,
      to,
      name: to,
      sequence: 0,
      correlation: 0,
      path: [],
      origin: this.options.place,
      as: '',
      type,
      body,
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

  /** A message arrives on this thread. */
  receive(message: Message): void {
    if (message.to === this.id) {
      this.#system(message)
      return
    }
    if (this.arrive(message)) return
    // Credit for a sender that is gone is of no use; the place of one that moved is known from the route stage.
    if (message.kind === 'credit' && !this.routing.places.has(message.to)) return
    this.routing.locate(message)
  }

  /** Gives a message to who it is for, or to who stands for that one here. Says whether there is anybody. */
  arrive(message: Message): boolean {
    const cell = this.cells.get(message.to)
    if (cell !== undefined) {
      this.deliver(cell, message)
      return true
    }
    if (this.reconfiguration.forwarding.forward(message)) return true
    return (message.kind === 'reply' || message.kind === 'error') && this.routing.toOwner(message)
  }

  deliver(cell: Cell, message: Message): void {
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
    const channel = findInChannel(cell, message) ?? this.#newChannel(cell, message)
    if (channel === undefined) return
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

  #newChannel(cell: Cell, { incarnation, from, name }: Message): InChannel | undefined {
    if (this.#ended.has(incarnation)) return undefined
    this.noteCursor(incarnation, cell)
    return newInChannel(cell, { incarnation, from, name, sender: visibleSender(from, cell.id) })
  }

  #outOfTurn(channel: InChannel, message: Message): void {
    if (message.sequence < channel.next || channel.early?.has(message.sequence) === true) {
      this.duplicates++
      return
    }
    channel.early ??= new Map()
    channel.early.set(message.sequence, message)
    // A sender never has more than its window under way (flow.ts), so what waits for its turn is bounded.
    invariant(
      channel.early.size <= this.flow.window,
      'bound',
      () => `${channel.early?.size} early messages from ${channel.from}`,
    )
  }

  /** Puts an accepted message where it belongs: mailbox, parked, or straight to an edge. */
  enqueue(cell: Cell, message: Message, channel: InChannel | undefined): void {
    if (message.kind === 'reply' || message.kind === 'error') {
      if (this.flushing.settled(cell, message.correlation)) return
      if (!cell.asks.has(message.correlation)) {
        // Another may own the request by now, though this agent has the id of who did.
        const isSentOn = this.routing.toOwner(message) || this.reconfiguration.forwarding.forwardAnswer(message)
        if (!isSentOn) this.duplicates++
        return
      }
    }
    if (message.kind === 'flush' && cell.definition?.form !== 'proxy') {
      // What came before stands in the mailbox, and the mailbox moves with the agent: that is far enough.
      this.routing.replyTo(message, true, null)
      if (channel !== undefined) this.flow.consumed(message)
      return
    }
    if (cell.edge !== undefined) {
      this.#toEdge(cell, cell.edge, message, channel)
      return
    }
    if (cell.status === 'faulty') {
      this.routing.refuse(message, 'agent-faulty', `${cell.id} is wedged by a fault in its code`)
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
    } else if (message.type !== '$void') edge.receive(message, message.as || (channel?.sender ?? message.from))
    if (channel !== undefined) this.flow.consumed(message)
  }

  #system(message: Message): void {
    const body = message.body as never
    const isOfBox = message.from === CONTROLLER || systemPlace(message.from) !== undefined
    if (!isOfBox && !OPEN_TO_ALL.has(message.type)) {
      this.routing.refuse(message, 'not-allowed', `${message.type} is for the system's own agents`)
      return
    }
    switch (message.type) {
      case 'operation':
        this.reconfiguration.operate(body)
        break
      case '$carry':
        this.reconfiguration.carrying.take(body)
        break
      case '$fence':
      // From the controller, on behalf of a thread that is gone.
      case 'fence':
        this.reconfiguration.forwarding.fence(body)
        break
      case 'route':
        this.routing.routed(body)
        break
      case 'located':
        this.routing.located((body as { id: string }).id, (body as { place?: Place }).place)
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
        this.routing.graves.delete((body as { correlation: number }).correlation)
        break
      case 'lost':
        this.routing.agentsLost(body)
        break
      case 'doubt':
        this.routing.doubt(body)
        break
      case 'image':
        this.lookout.image(message)
        break
      case 'watch':
        this.lookout.watch(message)
        break
      case 'figures':
        this.lookout.figures(message)
        break
      case 'probe':
        this.flow.probe(body)
        break
      case 'relief':
        this.flow.relief(body)
        break
      default:
        this.lookout.fault(this.id, 'unknown-message', `${message.type} from ${message.from}`)
    }
  }

  /** Clients that left, and their proxies. */
  #gone(message: GoneMessage): void {
    for (const id of message.ids) {
      this.routing.dropRoutesTo(id)
      const cell = this.cells.get(id)
      if (cell !== undefined) this.removeCell(cell)
      this.routing.places.delete(id)
    }
    for (const serial of message.serials) this.collect(serial)
  }

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
    const timer = this.timers.nextAt()
    const probe = this.flow.nextProbeAt()
    return timer === undefined ? probe : probe === undefined ? timer : Math.min(timer, probe)
  }

  /** Time moves to `now` (ms since the epoch), due timers fire, and up to `budget` messages are handled. */
  run(now: number, budget: number): number {
    this.now = Math.max(this.now, now)
    this.lookout.renew()
    this.timers.fire()
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
        this.handling.handle(cell, work)
        turn--
        left--
      }
      this.schedule(cell)
      if (cell.region !== undefined) this.reconfiguration.checkDrained(cell)
    }
    return budget - left
  }

  statistics(): HostStatistics {
    let queued = 0
    for (const cell of this.cells.values()) queued += cell.mailbox.length + cell.parked.length + cell.late.length
    return {
      agents: this.cells.size,
      handled: this.handled,
      duplicates: this.duplicates,
      forwarded: this.forwarded,
      forwarders: this.reconfiguration.forwarding.size,
      graves: this.routing.graves.size,
      queued,
      faults: this.lookout.faults.size,
    }
  }
}
