import { isWithin } from '../latt/path.js'
import type { Message } from '../message/envelope.js'
import { errorBody, invariant, OvidError } from '../message/errors.js'
import { Carrying } from './carrying.js'
import type { Cell } from './cell.js'
import { Forwarding } from './forwarding.js'
import type { Host } from './host.js'
import type {
  AckMessage,
  DrainedMessage,
  Operation,
  OperationMessage,
  SpawnMessage,
  Stage,
  StartSpec,
} from './protocol.js'
import { hostId } from './protocol.js'
import { Starting } from './starting.js'

type RouteOperation = Extract<Operation, { stage: 'route' }>

/** What this host knows of the plan under way. */
interface PlanWork {
  readonly plan: number
  /** Acknowledgements given, to be repeated when asked again. */
  readonly acks: Map<Stage, AckMessage>
  /** Stages begun. */
  readonly begun: Set<Stage>
  /** Cells started for this plan that do not run yet. */
  readonly held: Set<Cell>
  /** Old cells: held, then wedged. */
  readonly old: Set<Cell>
  readonly lastReport: Map<string, string>
}

/**
 * A host's share of a live reconfiguration. Every operation is fenced by the plan's number, may be repeated,
 * and is acknowledged once it is done:
 *
 *   start -> hold -> wedge -> carry -> | commit | -> route -> retire
 *      any of these, before commit, -> abort
 */
export class Reconfiguration {
  readonly starting: Starting
  readonly carrying: Carrying
  readonly forwarding: Forwarding
  readonly #host: Host
  #work: PlanWork | undefined
  /** Plans below this one are over: operations of theirs come too late. */
  #over = 0

  constructor(host: Host) {
    this.#host = host
    this.starting = new Starting(host)
    this.carrying = new Carrying(host, this.starting)
    this.forwarding = new Forwarding(host, this.starting)
  }

  operate(message: OperationMessage): void {
    const { plan, operation } = message
    if (plan < this.#over) return
    const work = this.#workOn(plan)
    const done = work.acks.get(operation.stage)
    if (done !== undefined) {
      this.#repeat(work, done)
      return
    }
    if (work.begun.has(operation.stage) || work.begun.has('abort')) return
    work.begun.add(operation.stage)
    try {
      this.#perform(work, operation)
    } catch (error) {
      this.#ack(work, operation.stage, { error: errorBody(error) })
    }
  }

  /** Whoever asks again has not heard of what came of it: an acknowledgement, and what was to follow it. */
  #repeat(work: PlanWork, done: AckMessage): void {
    this.#host.tellController('ack', done)
    if (done.stage === 'hold') {
      work.lastReport.clear()
      for (const cell of work.old) this.checkDrained(cell)
    }
    const retired = done.stage === 'route' ? work.acks.get('retire') : undefined
    if (retired !== undefined) this.#host.tellController('ack', retired)
  }

  #perform(work: PlanWork, operation: Operation): void {
    switch (operation.stage) {
      case 'start':
        this.starting.begin({
          agents: operation.agents,
          codes: operation.codes,
          held: operation.held ? work.held : undefined,
          virtuals: operation.virtuals,
          plan: work.plan,
          done: (error) => this.#ack(work, 'start', error === undefined ? {} : { error: errorBody(error) }),
        })
        break
      case 'hold':
        this.#hold(work, operation.region, operation.ids)
        break
      case 'wedge':
        this.#wedge(work, operation.ids, operation.flush)
        break
      case 'carry':
        this.carrying.begin(work.plan, operation, (result) => this.#ack(work, 'carry', result))
        break
      case 'route':
        this.#route(work, operation)
        break
      case 'abort':
        this.#abort(work)
        break
    }
  }

  #workOn(plan: number): PlanWork {
    if (this.#work?.plan !== plan) {
      invariant(
        this.#work === undefined || this.#work.plan < plan,
        'I5',
        () => `plan ${plan} after plan ${this.#work?.plan}`,
      )
      this.#work = {
        plan,
        acks: new Map(),
        begun: new Set(),
        held: new Set(),
        old: new Set(),
        lastReport: new Map(),
      }
      this.#over = plan
    }
    return this.#work
  }

  #ack(work: PlanWork, stage: Stage, more: Partial<AckMessage> = {}): void {
    const ack: AckMessage = { plan: work.plan, stage, place: this.#host.options.place, ...more }
    work.acks.set(stage, ack)
    this.#host.tellController('ack', ack)
  }

  /** Starts ingress proxies and the like outside any plan. */
  spawn(message: SpawnMessage): void {
    const { ticket, agents, held } = message
    const { place } = this.#host.options
    const fresh = agents.filter((agent) => this.#host.cells.get(agent.id)?.serial !== agent.serial)
    this.starting.begin({
      agents: fresh,
      codes: [],
      held: undefined,
      virtuals: [],
      plan: 0,
      done: (error) => {
        if (error === undefined && held !== undefined) this.#joinHeld(agents, held)
        this.#host.tellController('spawned', { ticket, place, ...(error !== undefined && { error: errorBody(error) }) })
      },
    })
  }

  /** A proxy that is first needed while its subtree comes to rest does its part in that. */
  #joinHeld(agents: readonly StartSpec[], held: { plan: number; region: string }): void {
    const work = this.#work
    if (work?.plan !== held.plan || work.begun.has('abort')) return
    for (const { id } of agents) {
      const cell = this.#host.cells.get(id)
      if (cell === undefined) continue
      work.old.add(cell)
      cell.region = held.region
      this.#host.flow.ease(cell, held.region)
      this.checkDrained(cell)
    }
  }

  #oldCell(id: string): Cell {
    const cell = this.#host.cells.get(id)
    if (cell === undefined) throw new OvidError('agent-lost', `${id} is not on ${this.#host.options.place}`)
    if (cell.status === 'faulty')
      throw new OvidError('agent-faulty', `${id} is wedged by a fault in its code; its state is not to be trusted`)
    return cell
  }

  /** From here on, what comes to the subtree from outside is queued and not processed. */
  #hold(work: PlanWork, region: string, ids: readonly string[]): void {
    const cells = ids.map((id) => this.#oldCell(id))
    for (const cell of cells) {
      work.old.add(cell)
      cell.region = region
      const inside = cell.mailbox.toArray()
      cell.mailbox.clear()
      for (const item of inside) {
        // A timer that was due stays set; it fires where its key goes.
        if (item.kind === 'timer') continue
        if (cell.isExternal(item)) cell.parked.push(item)
        else cell.mailbox.push(item)
      }
      this.#host.flow.ease(cell, region)
    }
    this.#ack(work, 'hold')
    for (const cell of cells) this.checkDrained(cell)
  }

  /** Reports what a held cell has sent and consumed inside, whenever it has nothing to do. */
  checkDrained(cell: Cell): void {
    const work = this.#work
    const { region } = cell
    if (work === undefined || region === undefined || cell.status !== 'running' || cell.mailbox.length > 0) return
    const sent: [string, number][] = []
    for (const out of cell.outgoing.values()) {
      if (!isWithin(out.last === '' ? out.name : out.last, region) || out.next === 1) continue
      if (out.waiting.length > 0) return
      sent.push([out.name, out.next - 1])
    }
    const consumed: [number, string, number][] = []
    for (const found of cell.incoming.values()) {
      for (const channel of found instanceof Map ? found.values() : [found]) {
        if (isWithin(channel.from, region)) consumed.push([channel.incarnation, channel.name, channel.next - 1])
      }
    }
    const report: DrainedMessage = { plan: work.plan, id: cell.id, serial: cell.serial, sent, consumed }
    const text = JSON.stringify(report)
    if (work.lastReport.get(cell.id) === text) return
    work.lastReport.set(cell.id, text)
    this.#host.tellController('drained', report)
  }

  /** Old agents make no transition and emit nothing any more. Those that are replaced first flush what they sent. */
  #wedge(work: PlanWork, ids: readonly string[], flush: readonly string[]): void {
    const cells = ids.map((id) => this.#oldCell(id))
    const flushed = new Set(flush)
    let left = cells.length
    if (left === 0) this.#ack(work, 'wedge')
    const wedged = (cell: Cell) => {
      if (this.#work !== work || work.begun.has('abort')) return
      cell.status = 'wedged'
      if (--left === 0) this.#ack(work, 'wedge')
    }
    for (const cell of cells) {
      work.old.add(cell)
      const { region } = cell
      if (!flushed.has(cell.id)) wedged(cell)
      else
        this.#host.flushing.flush(
          cell,
          (out) => region === undefined || !isWithin(out.last === '' ? out.name : out.last, region),
          () => wedged(cell),
        )
    }
  }

  #route(work: PlanWork, operation: RouteOperation): void {
    const host = this.#host
    for (const id of operation.drop) {
      host.routing.dropRoutesTo(id)
      if (!host.cells.has(id)) host.routing.places.delete(id)
    }
    const here = host.options.place
    const late: Message[] = []
    for (const id of operation.stop) {
      const cell = host.cells.get(id)
      if (cell === undefined) continue
      late.push(...cell.late)
      host.removeCell(cell)
      host.options.effects.stopGateway(id)
    }
    for (const [id, place] of operation.places) if (place !== here) host.routing.places.set(id, place)
    for (const serial of operation.goneSerials) host.collect(serial)
    for (const [correlation, origin, owner] of operation.answers) {
      // An answer comes to where it was asked for; who owns the request now may be elsewhere.
      if (origin === here) host.routing.graves.set(correlation, owner)
    }
    this.forwarding.begin(work.plan, operation, () => this.#ack(work, 'retire'))
    const { successors } = this.starting
    for (const cell of successors.values()) {
      host.putCell(cell)
      late.push(...cell.late.splice(0))
    }
    successors.clear()
    this.carrying.forget()
    work.old.clear()
    for (const id of operation.release) this.#release(work, host.cells.get(id))
    for (const message of late) host.receive(message)
    for (const place of operation.fenceTo)
      host.tellSystem(hostId(place), place, '$fence', { plan: work.plan, from: here }, 'data')
    this.#ack(work, 'route')
  }

  #release(work: PlanWork, cell: Cell | undefined): void {
    invariant(
      cell !== undefined && cell.status === 'held',
      'I5',
      () => `released ${cell?.id}, which is ${cell?.status}`,
    )
    work.held.delete(cell)
    cell.status = 'running'
    this.#host.timers.rearm(cell)
    for (const out of cell.outgoing.values()) this.#host.routing.drainWaiting(cell, out)
    this.#host.schedule(cell)
  }

  /** The old layout runs on: what was started goes, what was held or wedged takes up again. */
  #abort(work: PlanWork): void {
    this.starting.forget(work.plan)
    for (const cell of work.held) this.starting.discard(cell)
    work.held.clear()
    this.carrying.forget()
    for (const cell of work.old) this.#resume(cell)
    work.old.clear()
    this.#ack(work, 'abort')
  }

  #resume(cell: Cell): void {
    if (cell.status === 'faulty') return
    cell.flushing = []
    cell.region = undefined
    this.#host.flow.ease(cell, undefined)
    for (const message of cell.parked.splice(0)) cell.mailbox.push(message)
    cell.status = 'running'
    this.#host.timers.rearm(cell)
    for (const message of cell.late.splice(0)) this.#host.receive(message)
    for (const out of cell.outgoing.values()) this.#host.routing.drainWaiting(cell, out)
    this.#host.schedule(cell)
  }
}
