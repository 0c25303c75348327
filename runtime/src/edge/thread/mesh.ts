import { MessageChannel, type MessagePort } from 'node:worker_threads'
import type { Lane, Message } from '../../message/envelope.js'
import { invariant, OvidError } from '../../message/errors.js'
import { decodeMessage, encodeMessageShared, messageLimitBytes, stateLimitBytes } from '../codec/message.js'
import { Inbox } from '../ring/inbox.js'
import { createRing, ringMemory } from '../ring/layout.js'
import { Outbox } from '../ring/outbox.js'
import { Reassembly } from '../ring/parts.js'
import { RingConsumer, RingProducer } from '../ring/ring.js'

/** One thread's end of the connection with another thread of its box. It can be sent to a worker; transfer `doorbell`. */
export interface MeshLink {
  /** Number of the thread at the other end. */
  readonly peer: number
  readonly dataIn: SharedArrayBuffer
  readonly dataOut: SharedArrayBuffer
  readonly controlIn: SharedArrayBuffer
  readonly controlOut: SharedArrayBuffer
  readonly doorbell: MessagePort
}

/** Sizes of a link's rings in bytes, each way. Powers of two. */
export interface LinkSizes {
  readonly dataBytes: number
  readonly controlBytes: number
}

const defaultSizes: LinkSizes = { dataBytes: 256 * 1024, controlBytes: 64 * 1024 }

/** Makes the connection between threads `a` and `b`: the first link is for `a`, the second for `b`. */
export function createLink(a: number, b: number, sizes: LinkSizes = defaultSizes): [MeshLink, MeshLink] {
  const [dataToB, dataToA] = [createRing(sizes.dataBytes), createRing(sizes.dataBytes)]
  const [controlToB, controlToA] = [createRing(sizes.controlBytes), createRing(sizes.controlBytes)]
  const { port1, port2 } = new MessageChannel()
  return [
    { peer: b, dataIn: dataToA, dataOut: dataToB, controlIn: controlToA, controlOut: controlToB, doorbell: port1 },
    { peer: a, dataIn: dataToB, dataOut: dataToA, controlIn: controlToB, controlOut: controlToA, doorbell: port2 },
  ]
}

export interface MeshOptions {
  /**
   * Called from the event loop when there may be something to do: a message came for a thread that slept, or a full
   * ring has room again. May be called for nothing.
   */
  readonly onWake: () => void
  /** Called when something that came from `peer` is no message. It is skipped; what follows it is still received. */
  readonly onBroken: (peer: number, error: unknown) => void
}

export type MessageSink = (message: Message, peer: number) => void

/** Records taken from one peer before the next one's turn, and before control is looked at again. */
const TURN_RECORDS = 64

/**
 * One thread's connections with every other thread of its box.
 *
 * The owner's loop is: `receive` until it returns 0, then `idle()`; when that says true, return to the event loop until
 * `onWake`. The doorbells keep the event loop alive, as an open port does, until `unref()`, `detach` or `close`.
 */
export class Mesh {
  readonly #options: MeshOptions
  readonly #peers = new Map<number, Peer>()
  /** The peers in order of attachment, for going round. Replaced, never changed, so that a round may run over it. */
  #order: readonly Peer[] = []
  #turn = 0
  #isArmed = false
  #keepsAlive = true
  #sink: MessageSink | undefined
  #received = 0

  constructor(options: MeshOptions) {
    this.#options = options
  }

  /** Begins to send to and to receive from `link.peer`. What it sent before is received from now on. */
  attach(link: MeshLink): void {
    invariant(!this.#peers.has(link.peer), 'mesh-attach', () => `peer=${link.peer} is attached already`)
    const deliver = (bytes: Uint8Array, start: number, end: number) => this.#deliver(link.peer, bytes, start, end)
    const peer = new Peer(link, deliver, this.#options)
    if (!this.#keepsAlive) link.doorbell.unref()
    this.#peers.set(link.peer, peer)
    this.#order = [...this.#peers.values()]
    // Its rings may hold messages already, for which nobody rings.
    if (this.#isArmed) this.#options.onWake()
  }

  isAttached(peer: number): boolean {
    return this.#peers.has(peer)
  }

  /** Ends the connection with `peer`, if there is one; returns how many messages were dropped that waited for room. */
  detach(peer: number): number {
    const gone = this.#peers.get(peer)
    if (gone === undefined) return 0
    this.#peers.delete(peer)
    this.#order = [...this.#peers.values()]
    return gone.close()
  }

  /**
   * Sends `message` on its lane. What the ring has no room for waits, in order; see `pending`.
   *
   * @throws OvidError 'no-such-place' if `peer` is not attached; 'not-plain-data' or 'message-too-large' if the message
   * cannot be encoded. Nothing was sent then.
   * @returns the size of the message in bytes.
   */
  send(peer: number, message: Message): number {
    const to = this.#peers.get(peer)
    if (to === undefined) throw new OvidError('no-such-place', `thread ${peer} is not connected with this one`)
    const { head, body } = encodeMessageShared(message)
    to.outbox[message.lane].send(head, body)
    return head.length + body.length
  }

  /**
   * Hands at most `budget` messages to `sink`: the control lane of all peers first, then data, peer by peer. Returns how
   * many. Also moves on what waits for room. An error of the sink goes on to the caller.
   */
  receive(sink: MessageSink, budget: number): number {
    this.#disarm()
    for (const peer of this.#order) peer.retry()
    this.#sink = sink
    this.#received = 0
    let left = budget
    for (let taken = -1; taken !== 0 && left > 0; left -= taken) {
      taken = this.#drainControl(left)
      taken += this.#drainData(left - taken)
    }
    return this.#received
  }

  /** Messages that wait for room, of one peer or of all. */
  pending(peer?: number): number {
    if (peer !== undefined) return this.#peers.get(peer)?.pending ?? 0
    let sum = 0
    for (const each of this.#order) sum += each.pending
    return sum
  }

  /**
   * Asks every ring to wake this thread. True: there is nothing to do now, and `onWake` will be called when there is.
   * False: there is work, or there was room for something that waited.
   */
  idle(): boolean {
    this.#isArmed = true
    for (const peer of this.#order) {
      if (!peer.retry() && peer.arm()) continue
      this.#disarm()
      return false
    }
    return true
  }

  /** The doorbells keep the event loop alive from now on, as they do from the start. */
  ref(): void {
    this.#keepsAlive = true
    for (const peer of this.#order) peer.doorbell.ref()
  }

  /** The doorbells no longer keep the event loop alive. */
  unref(): void {
    this.#keepsAlive = false
    for (const peer of this.#order) peer.doorbell.unref()
  }

  /** Detaches every peer. */
  close(): void {
    for (const peer of this.#peers.keys()) this.detach(peer)
  }

  #disarm(): void {
    if (!this.#isArmed) return
    this.#isArmed = false
    for (const peer of this.#order) peer.disarm()
  }

  #drainControl(limit: number): number {
    let taken = 0
    for (const peer of this.#order) taken += peer.drain('control', limit - taken)
    return taken
  }

  #drainData(limit: number): number {
    const round = this.#order
    let taken = 0
    for (let i = 0; i < round.length; i++) {
      const peer = round[(this.#turn + i) % round.length] as Peer
      taken += peer.drain('data', Math.min(limit - taken, TURN_RECORDS))
    }
    // Another peer is first next time: with a small budget the last one would never have its turn.
    this.#turn = (this.#turn + 1) % Math.max(round.length, 1)
    return taken
  }

  #deliver(peer: number, bytes: Uint8Array, start: number, end: number): void {
    let message: Message
    try {
      message = decodeMessage(bytes, start, end)
    } catch (error) {
      this.#options.onBroken(peer, error)
      return
    }
    this.#received++
    this.#sink?.(message, peer)
  }
}

/** The rings and the doorbell of one link. */
class Peer {
  readonly doorbell: MessagePort
  readonly outbox: Record<Lane, Outbox>
  readonly #inbox: Record<Lane, Inbox>
  #isOpen = true

  constructor(link: MeshLink, deliver: (bytes: Uint8Array, start: number, end: number) => void, options: MeshOptions) {
    this.doorbell = link.doorbell
    this.doorbell.on('message', options.onWake)
    const ringDoorbell = () => this.doorbell.postMessage(null)
    const onBroken = (error: OvidError) => options.onBroken(link.peer, error)
    // What is under way when the link is cut belongs to an end that is gone.
    const onMessage = (bytes: Uint8Array, start: number, end: number) => {
      if (this.#isOpen) deliver(bytes, start, end)
    }
    const outbox = (ring: SharedArrayBuffer) => new Outbox(new RingProducer(ringMemory(ring)), ringDoorbell)
    const inbox = (ring: SharedArrayBuffer, limitBytes: number) =>
      new Inbox(new RingConsumer(ringMemory(ring)), new Reassembly({ limitBytes, onMessage, onBroken }), ringDoorbell)
    this.outbox = { data: outbox(link.dataOut), control: outbox(link.controlOut) }
    this.#inbox = { data: inbox(link.dataIn, stateLimitBytes), control: inbox(link.controlIn, messageLimitBytes) }
  }

  get pending(): number {
    return this.outbox.control.waiting + this.outbox.data.waiting
  }

  drain(lane: Lane, limit: number): number {
    return limit > 0 && this.#isOpen ? this.#inbox[lane].drain(limit) : 0
  }

  /** True: something that waited is on its way. */
  retry(): boolean {
    if (this.pending === 0) return false
    const isControlMoved = this.outbox.control.retry()
    return this.outbox.data.retry() || isControlMoved
  }

  arm(): boolean {
    return this.#inbox.control.arm() && this.#inbox.data.arm()
  }

  disarm(): void {
    this.#inbox.control.disarm()
    this.#inbox.data.disarm()
  }

  close(): number {
    this.#isOpen = false
    this.doorbell.close()
    return this.outbox.control.clear() + this.outbox.data.clear()
  }
}
