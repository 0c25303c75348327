import type { AgentDefinition, Definition } from '../agent/definition.js'
import type { AgentImage } from '../agent/image.js'
import type { CodeRef } from '../latt/code.js'
import { agentOf, type LattNode } from '../latt/latt.js'
import { isTransformation } from '../latt/transformation.js'
import { errorBody, OvidError } from '../message/errors.js'
import { lowerNode } from './carry.js'
import type { Cell } from './cell.js'
import type { Host } from './host.js'
import type { StartSpec } from './protocol.js'

/** Agents on their way up: waits for code, then for gateways. */
export interface Start {
  readonly agents: readonly StartSpec[]
  /** Code wanted beside that of the agents. */
  readonly codes: readonly CodeRef[]
  /** Given for agents that do not run yet: takes their cells. */
  readonly held: Set<Cell> | undefined
  /** Virtual agents whose parts begin with a share of their first state. */
  readonly virtuals: readonly LattNode[]
  /** Plan it belongs to; 0: none. */
  readonly plan: number
  readonly done: (error?: OvidError) => void
}

interface OpenStart extends Start {
  readonly gateways: Set<string>
  readonly started: Cell[]
}

function wantedCode(start: Start): CodeRef[] {
  return [
    ...start.codes,
    ...start.agents.flatMap(({ code, target }) => (target === undefined ? [code] : [code, target])),
  ]
}

/** A held agent gets its state by the carry; a transformation's own agents are made anew with each layout. */
function beginsAnew({ role }: StartSpec, isHeld: boolean): boolean {
  return !isHeld || role === 'proxy' || role === 'ingress'
}

/** A host's share of bringing agents up. */
export class Starting {
  /**
   * Cells whose state comes by the carry. Nothing reaches them before the route stage: until then their ids
   * still mean the old agents, which may be on this very thread.
   */
  readonly successors = new Map<string, Cell>()
  readonly #host: Host
  readonly #open = new Set<OpenStart>()

  constructor(host: Host) {
    this.#host = host
  }

  begin(start: Start): void {
    const starting: OpenStart = { ...start, gateways: new Set(), started: [] }
    const wanted = wantedCode(starting)
    const missing = wanted.filter((code) => this.#host.options.code.get(code) === undefined)
    this.#open.add(starting)
    if (missing.length > 0) this.#host.options.effects.load(missing)
    else this.#startAll(starting)
  }

  /** The edge has loaded what was asked for, or could not. */
  codeLoaded(error?: OvidError): void {
    for (const starting of [...this.#open]) {
      if (starting.started.length > 0 || starting.gateways.size > 0) continue
      if (error !== undefined) this.#startFailed(starting, error)
      else this.#startAll(starting)
    }
  }

  #startAll(starting: OpenStart): void {
    const wanted = wantedCode(starting)
    // Another load is under way: `codeLoaded` comes again.
    if (wanted.some((code) => this.#host.options.code.get(code) === undefined)) return
    try {
      const shares = this.#firstShares(starting.virtuals)
      for (const agent of starting.agents) starting.started.push(this.#startCell(starting, agent, shares))
    } catch (error) {
      this.#startFailed(starting, error instanceof OvidError ? error : new OvidError('cannot-start', String(error)))
      return
    }
    if (starting.gateways.size === 0) this.#startDone(starting)
  }

  /**
   * What the parts of virtual agents begin with: shares of the one state a virtual agent begins with. If each part made
   * its own, every key that is in it from the start would be in all parts.
   */
  #firstShares(virtuals: readonly LattNode[]): Map<string, AgentImage> {
    const { code } = this.#host.options
    const shares = new Map<string, AgentImage>()
    for (const virtual of virtuals) {
      try {
        const state: unknown = agentOf(code, virtual).init(virtual.params)
        const image: AgentImage = { state, timers: [], asks: [], deferred: [], replies: [], random: 0 }
        for (const [id, share] of lowerNode(virtual, image, code)) shares.set(id, share)
      } catch (error) {
        throw new OvidError('cannot-start', `${virtual.id}: init failed: ${errorBody(error).message}`)
      }
    }
    return shares
  }

  #startDone(starting: OpenStart): void {
    this.#open.delete(starting)
    starting.done()
  }

  #startFailed(starting: OpenStart, error: OvidError): void {
    this.#open.delete(starting)
    for (const cell of starting.started) this.discard(cell)
    starting.held?.clear()
    starting.done(error)
  }

  /** Ends a cell that never ran. */
  discard(cell: Cell): void {
    if (this.successors.get(cell.id) === cell) this.successors.delete(cell.id)
    if (cell.definition?.form === 'gateway') this.#host.options.effects.stopGateway(cell.id)
    this.#host.removeCell(cell)
    for (const message of cell.late.splice(0)) this.#host.receive(message)
  }

  #startCell(starting: OpenStart, agent: StartSpec, shares: ReadonlyMap<string, AgentImage>): Cell {
    const definition = this.#definition(agent)
    const { held } = starting
    const target =
      agent.target === undefined ? undefined : (this.#host.options.code.get(agent.target) as AgentDefinition)
    const spec = {
      id: agent.id,
      serial: agent.serial,
      self: agent.self,
      definition,
      target,
      status: held === undefined ? ('running' as const) : ('held' as const),
    }
    const cell = held === undefined ? this.#host.addCell(spec) : this.#host.makeCell(spec)
    if (held !== undefined) {
      this.successors.set(agent.id, cell)
      held.add(cell)
    }
    try {
      const share = shares.get(agent.id)
      if (share !== undefined) cell.state = share.state
      else if (definition.form !== 'gateway' && beginsAnew(agent, held !== undefined))
        cell.state = definition.init(agent.params)
    } catch (error) {
      this.discard(cell)
      throw new OvidError('cannot-start', `${agent.id}: init failed: ${errorBody(error).message}`)
    }
    if (definition.form === 'gateway') {
      starting.gateways.add(agent.id)
      this.#host.options.effects.startGateway(cell, definition, agent.params)
    }
    return cell
  }

  #definition(agent: StartSpec): Definition {
    const found = this.#host.options.code.get(agent.code)
    if (found === undefined || isTransformation(found))
      throw new OvidError('code-not-found', `${agent.code.module} has no agent at ${agent.code.pick.join('.')}`)
    if (found.kind !== agent.kind || found.version !== agent.version) {
      throw new OvidError(
        'version-mismatch',
        `${agent.id} wants ${agent.kind} version ${agent.version}; the module here is ${found.kind} version ${found.version}`,
      )
    }
    return found
  }

  gatewayStarted(id: string, error?: OvidError): void {
    const starting = [...this.#open].find((each) => each.gateways.delete(id))
    if (starting === undefined) return
    if (error !== undefined) this.#startFailed(starting, new OvidError('cannot-start', `${id}: ${error.message}`))
    else if (starting.gateways.size === 0) this.#startDone(starting)
  }

  /** The plan is off: what it was starting is not wanted any more. */
  forget(plan: number): void {
    for (const starting of this.#open) if (starting.plan === plan) this.#open.delete(starting)
  }
}
