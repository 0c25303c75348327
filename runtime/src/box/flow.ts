import { isWithin } from '../latt/path.js'
import type { Message, Place } from '../message/envelope.js'
import { invariant } from '../message/errors.js'
import { type Cell, CREDIT_EVERY, type OutChannel, WINDOW } from './cell.js'
import type { Host } from './host.js'
import { hostId } from './protocol.js'

/** How often agents that are blocked look whether they wait for each other, ms. */
const PROBE_EVERY_MS = 20
/** A circle of more agents than this is not looked for. */
const LONGEST_CIRCLE = 64

/** Follows who waits for whom, from `initiator` on. */
export interface Probe {
  readonly initiator: string
  readonly serial: number
  readonly place: Place
  readonly at: string
  readonly visited: readonly string[]
}

export interface Relief {
  readonly id: string
  readonly serial: number
}

/**
 * Flow control: a sender has at most a window of unconsumed messages under way per destination. When the
 * window is used up its messages wait and it is not scheduled. Credit comes back as messages are consumed.
 *
 * Agents that wait for each other in a circle would wait for ever. Each blocked agent therefore sends probes
 * along what it waits for (Chandy, Misra and Haas, 1983); one that comes back relieves it: it runs on though
 * its output waits. So does an agent that waits for one held by a reconfiguration.
 */
export class Flow {
  readonly window = WINDOW
  readonly #host: Host
  readonly #blocked = new Set<Cell>()
  #probeAt: number | undefined

  constructor(host: Host) {
    this.#host = host
  }

  /** After a change of a channel: is its window used up? */
  checkWindow(cell: Cell, out: OutChannel): void {
    const full = out.next - 1 - out.credited > this.window
    if (full === out.blocked) return
    if (full) {
      out.blocked = true
      cell.blocked++
      if (cell.edge === undefined) {
        this.#blocked.add(cell)
        this.#probeAt ??= this.#host.now + PROBE_EVERY_MS
      }
    } else this.unblock(cell, out)
  }

  unblock(cell: Cell, out: OutChannel): void {
    out.blocked = false
    cell.blocked--
    invariant(cell.blocked >= 0, 'bound', () => `${cell.id} is blocked ${cell.blocked} times`)
    if (cell.blocked > 0) return
    this.#blocked.delete(cell)
    cell.relieved = cell.region !== undefined
    this.#host.schedule(cell)
    cell.edge?.ready()
  }

  /** A numbered message was consumed here. */
  consumed(message: Message): void {
    if (message.sequence % CREDIT_EVERY !== 0) return
    const { place } = this.#host.options
    this.#host.routing.sendById({
      kind: 'credit',
      lane: 'control',
      from: this.#host.id,
      incarnation: message.incarnation,
      to: message.from,
      name: message.name,
      sequence: message.sequence,
      correlation: 0,
      path: [],
      origin: place,
      as: '',
      type: '$credit',
      body: null,
    })
  }

  /** Credit arrives at the sender. */
  credit(cell: Cell, message: Message): void {
    const out = cell.outgoing.get(message.name)
    if (out === undefined || cell.serial !== message.incarnation || message.sequence <= out.credited) return
    out.credited = message.sequence
    if (out.past !== undefined && out.credited >= out.past.until - 1) out.past = undefined
    this.#host.routing.drainWaiting(cell, out)
  }

  nextProbeAt(): number | undefined {
    return this.#probeAt
  }

  tick(): void {
    if (this.#probeAt === undefined || this.#host.now < this.#probeAt) return
    this.#probeAt = this.#blocked.size > 0 ? this.#host.now + PROBE_EVERY_MS : undefined
    for (const cell of this.#blocked) {
      if (this.#host.cells.get(cell.id) !== cell) this.#blocked.delete(cell)
      else if (!cell.relieved)
        this.#follow(cell, {
          initiator: cell.id,
          serial: cell.serial,
          place: this.#host.options.place,
          at: cell.id,
          visited: [],
        })
    }
  }

  /** Sends a probe on to whatever `cell` waits for. */
  #follow(cell: Cell, probe: Probe): void {
    if (probe.visited.length >= LONGEST_CIRCLE || probe.visited.includes(cell.id)) return
    const visited = [...probe.visited, cell.id]
    for (const out of cell.outgoing.values()) {
      if (!out.blocked || out.target === undefined) continue
      const next: Probe = { ...probe, at: out.target, visited }
      if (out.cell !== undefined) this.probe(next)
      else this.#host.tellSystem(hostId(out.place), out.place, 'probe', next)
    }
  }

  probe(probe: Probe): void {
    const cell = this.#host.cells.get(probe.at)
    if (cell === undefined) return
    const waitsForPlan = cell.status === 'wedged' || cell.region !== undefined
    if (cell.id === probe.initiator || waitsForPlan) this.#relieve(probe)
    else if (cell.blocked > 0) this.#follow(cell, probe)
  }

  #relieve(probe: Probe): void {
    const relief: Relief = { id: probe.initiator, serial: probe.serial }
    if (this.#host.cells.has(probe.initiator)) this.relief(relief)
    else this.#host.tellSystem(hostId(probe.place), probe.place, 'relief', relief)
  }

  relief(relief: Relief): void {
    const cell = this.#host.cells.get(relief.id)
    if (cell === undefined || cell.serial !== relief.serial || cell.blocked === 0) return
    cell.relieved = true
    this.#host.schedule(cell)
  }

  /** Inside a subtree that drains nobody waits for the window: what is under way must come to rest. */
  ease(cell: Cell, region: string | undefined): void {
    invariant(region === undefined || isWithin(cell.id, region), 'region', () => `${cell.id} is not within ${region}`)
    cell.relieved = region !== undefined
    this.#host.schedule(cell)
  }
}
