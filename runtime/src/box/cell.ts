import Denque from 'denque'
import type { AgentDefinition, Definition } from '../agent/definition.js'
import type { AskRecord, DeferredRecord, TimerRecord } from '../agent/image.js'
import { isUnder } from '../latt/path.js'
import type { Message, Place } from '../message/envelope.js'

/**
 * Messages a sender may have under way to one destination that have not been consumed there. Bounds every
 * mailbox: no more than this many per channel that leads to it.
 */
export const WINDOW = 1024
/** A receiver tells its sender how far it has come every this many messages. */
export const CREDIT_EVERY = 256

/** One destination name of a cell: the entry of its agent routing table (ART), and the channel that goes there. */
export interface OutChannel {
  readonly name: string
  /** Number the next message gets. */
  next: number
  /** Messages up to this number have been consumed. */
  credited: number
  /** Physical agent the name leads to, and where it is; undefined: not known (a miss). */
  target: string | undefined
  /** The target that the last messages went to, also after the route was dropped. */
  last: string
  place: Place
  /** Set while what was sent before a change of the route may not have arrived. */
  past: Past | undefined
  /** The target's cell if it is on this thread. */
  cell: Cell | undefined
  /** Whether the controller has been asked. */
  asked: boolean
  /** Messages that wait for the route or for the window, in order. */
  readonly waiting: Denque<Message>
  /** Whether the window is used up, so that the cell is not scheduled. */
  blocked: boolean
}

/**
 * What of a channel may be on its way through places that the channel has left: it is lost if one of them ends
 * before it is credited.
 */
export interface Past {
  readonly places: ReadonlySet<Place>
  /** The first number that went another way. */
  readonly until: number
  /** The first correlation that did. */
  readonly correlation: number
}

/** What a cell expects from one sender under one name: the cursor. */
export interface InChannel {
  readonly incarnation: number
  readonly from: string
  readonly name: string
  /** The only number that is taken next. */
  next: number
  /** The last number that was handled. */
  handled: number
  /** Messages that came before their turn. */
  early: Map<number, Message> | undefined
  /** What the agent knows the sender as. */
  readonly sender: string
}

/** A timer that is due, in a mailbox. */
export interface TimerDue {
  readonly kind: 'timer'
  readonly timer: TimerRecord
}

export type Work = Message | TimerDue

/**
 * - `held`: started for a reconfiguration that is not committed; queues, does not run.
 * - `running`
 * - `wedged`: makes no transition any more and takes nothing in; what arrives waits in `late`.
 * - `faulty`: a handler threw; everything sent to it is refused.
 */
export type CellStatus = 'held' | 'running' | 'wedged' | 'faulty'

/** An edge (client, gateway) behind a cell: gets what would go to handlers. */
export interface EdgeReceiver {
  /** A request or a tell. A request is answered by `answer`. */
  receive(message: Message, sender: string): void
  /** The answer to a request. */
  settle(correlation: number, reply: Message): void
  /** Room in the window of a destination again. */
  ready(): void
}

/** One agent on its host: all that is captured when it moves, and how it stands with the scheduler. */
export class Cell {
  readonly id: string
  readonly serial: number
  /** Name the agent knows itself by. */
  readonly self: string
  readonly definition: Definition | undefined
  /** For proxies: the virtual agent's definition. */
  readonly target: AgentDefinition | undefined
  edge: EdgeReceiver | undefined
  /** `[id]`, shared by all requests. */
  readonly path: readonly string[]
  status: CellStatus
  state: unknown
  random = 0
  /** Time of the last transition, ms: time never goes back for an agent, also when it moves. */
  now = 0
  nextCorrelation = 1
  nextToken = 1
  readonly mailbox = new Denque<Work>()
  readonly incoming = new Map<number, InChannel | Map<string, InChannel>>()
  readonly outgoing = new Map<string, OutChannel>()
  readonly timers = new Map<string, TimerRecord>()
  readonly asks = new Map<number, AskRecord>()
  readonly deferred = new Map<string, DeferredRecord>()
  /** Correlations of flush markers on their way, and what to do when all are answered. */
  flushing: { readonly open: Map<number, string>; readonly done: () => void }[] = []
  /** Subtree under reconfiguration: what comes from outside it is parked, timers rest. */
  region: string | undefined
  readonly parked: Message[] = []
  /** What arrived after the wedge. */
  readonly late: Message[] = []
  /** Destinations whose window is used up. */
  blocked = 0
  /** Runs although it is blocked: it and its receivers wait for each other in a circle. */
  relieved = false
  scheduled = false
  /** Messages handled since the start. */
  handled = 0

  constructor(spec: {
    id: string
    serial: number
    self: string
    definition: Definition | undefined
    target: AgentDefinition | undefined
    edge: EdgeReceiver | undefined
    status: CellStatus
  }) {
    this.id = spec.id
    this.serial = spec.serial
    this.self = spec.self
    this.definition = spec.definition
    this.target = spec.target
    this.edge = spec.edge
    this.status = spec.status
    this.path = Object.freeze([spec.id])
  }

  /** Whether a message comes from outside the subtree under reconfiguration. */
  isExternal(message: Message): boolean {
    return this.region !== undefined && message.from !== this.region && !isUnder(message.from, this.region)
  }
}

export function findInChannel(cell: Cell, message: Message): InChannel | undefined {
  const found = cell.incoming.get(message.incarnation)
  if (found instanceof Map) return found.get(message.name)
  return found?.name === message.name ? found : undefined
}

/** A channel of which nothing has come yet. */
export function newInChannel(
  cell: Cell,
  sender: Pick<InChannel, 'incarnation' | 'from' | 'name' | 'sender'>,
): InChannel {
  const channel: InChannel = { ...sender, next: 1, handled: 0, early: undefined }
  putInChannel(cell, channel)
  return channel
}

/** Most senders use one name for a receiver; only the others pay for a second map. */
export function putInChannel(cell: Cell, channel: InChannel): void {
  const found = cell.incoming.get(channel.incarnation)
  if (found === undefined) cell.incoming.set(channel.incarnation, channel)
  else if (found instanceof Map) found.set(channel.name, channel)
  else if (found.name === channel.name) cell.incoming.set(channel.incarnation, channel)
  else
    cell.incoming.set(
      channel.incarnation,
      new Map([
        [found.name, found],
        [channel.name, channel],
      ]),
    )
}

export function inChannels(cell: Cell): InChannel[] {
  return [...cell.incoming.values()].flatMap((found) => (found instanceof Map ? [...found.values()] : [found]))
}

export function outChannel(cell: Cell, name: string): OutChannel {
  const found = cell.outgoing.get(name)
  if (found !== undefined) return found
  const made: OutChannel = {
    name,
    next: 1,
    credited: 0,
    target: undefined,
    last: '',
    place: '',
    past: undefined,
    cell: undefined,
    asked: false,
    waiting: new Denque<Message>(),
    blocked: false,
  }
  cell.outgoing.set(name, made)
  return made
}

/** Notes that what was sent on a channel up to now may be on its way through `place`, and what follows is not. */
export function leavePlace(cell: Cell, out: OutChannel, place: Place): void {
  const until = out.waiting.peekFront()?.sequence ?? out.next
  if (until - 1 <= out.credited) return
  const places = new Set(out.past?.places).add(place)
  out.past = { places, until, correlation: correlationOf(cell, cell.nextCorrelation) }
}

/** Most requests an incarnation can number before it begins anew. */
export const CORRELATIONS = 2 ** 26

/** Correlation ids are unique among all incarnations. */
export function correlationOf(cell: Cell, count: number): number {
  return cell.serial * CORRELATIONS + count
}
