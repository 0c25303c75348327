import type { AgentDefinition, Definition } from '../agent/definition.js'
import type { AgentImage } from '../agent/image.js'
import type { CodeRef } from '../latt/code.js'
import { isWithin, visibleSender } from '../latt/path.js'
import { isTransformation } from '../latt/transformation.js'
import type { Message, Place } from '../message/envelope.js'
import { errorBody, invariant, OvidError } from '../message/errors.js'
import {
  captureCell,
  captureChannels,
  captureImage,
  inherited,
  installCell,
  installChannel,
  installImage,
} from './capture.js'
import { bearers, combineImages, divideImage, isBearer, liftNode, lowerNode } from './carry.js'
import type { Cell } from './cell.js'
import type { Host } from './host.js'
import type {
  AckMessage,
  AskOwner,
  CarryMessage,
  ClientChannel,
  DrainedMessage,
  Operation,
  OperationMessage,
  Recipe,
  Relocation,
  SpawnMessage,
  Stage,
  StartSpec,
} from './protocol.js'
import { hostId } from './protocol.js'

type RouteOperation = Extract<Operation, { stage: 'route' }>
type CarryOperation = Extract<Operation, { stage: 'carry' }>

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
  carry: CarryOperation | undefined
  readonly batches: CarryMessage[]
  readonly lastReport: Map<string, string>
  /** On the carrier: whether it has lowered what it lifted. */
  lowered: boolean
  bytes: number
}

/** Agents on their way up: waits for code, then for gateways. */
interface Starting {
  readonly agents: readonly StartSpec[]
  readonly codes: readonly CodeRef[]
  readonly held: Set<Cell> | undefined
  readonly gateways: Set<string>
  readonly started: Cell[]
  readonly plan: number
  readonly done: (error?: OvidError) => void
}

/** Sends late messages for agents that are gone where they belong. */
interface Forwarding {
  readonly plan: number
  readonly moved: ReadonlyMap<string, Place>
  readonly stopped: ReadonlySet<string>
  readonly homes: ReadonlyMap<string, string>
  readonly answers: ReadonlyMap<number, string>
  readonly fencesLeft: Set<Place>
}

/**
 * A host's share of a live reconfiguration. Every operation is fenced by the plan's number, may be repeated,
 * and is acknowledged once it is done:
 *
 *   start -> hold -> wedge -> carry -> | commit | -> route -> retire
 *      any of these, before commit, -> abort
 */
export class Reconfiguration {
  readonly #host: Host
  #work: PlanWork | undefined
  #forwarding: Forwarding | undefined
  /** Plans up to this one are over: operations of theirs come too late. */
  #over = 0
  /** Starts that wait for code or for gateways. */
  readonly #starting = new Set<Starting>()
  /**
   * Cells whose state comes by the carry. Nothing reaches them before the route stage: until then their ids
   * still mean the old agents, which may be on this very thread.
   */
  readonly #successors = new Map<string, Cell>()
  /** Fences that came before this host was told of the route stage. */
  readonly #earlyFences = new Map<number, Set<Place>>()
  /** Batches that came before this host knew of the carry. */
  readonly #earlyBatches: CarryMessage[] = []

  constructor(host: Host) {
    this.#host = host
  }

  get forwarders(): number {
    return this.#forwarding === undefined ? 0 : this.#forwarding.moved.size + this.#forwarding.stopped.size
  }

  operate(message: OperationMessage): void {
    const { plan, operation } = message
    if (plan < this.#over) return
    const work = this.#workOn(plan)
    const done = work.acks.get(operation.stage)
    if (done !== undefined) {
      this.#host.tellController('ack', done)
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

  #perform(work: PlanWork, operation: Operation): void {
    switch (operation.stage) {
      case 'start':
        this.#begin({
          agents: operation.agents,
          codes: operation.codes,
          held: operation.held ? work.held : undefined,
          gateways: new Set(),
          started: [],
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
        this.#carry(work, operation)
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
        carry: undefined,
        batches: [],
        lastReport: new Map(),
        lowered: false,
        bytes: 0,
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

  // --------------------------------------------------------------------------------------------------- start

  /** Starts ingress proxies and the like outside any plan. */
  spawn(message: SpawnMessage): void {
    const { ticket, agents, held } = message
    const { place } = this.#host.options
    const fresh = agents.filter((agent) => this.#host.cells.get(agent.id)?.serial !== agent.serial)
    this.#begin({
      agents: fresh,
      codes: [],
      held: undefined,
      gateways: new Set(),
      started: [],
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

  #begin(starting: Starting): void {
    const wanted = this.#wanted(starting)
    const missing = wanted.filter((code) => this.#host.options.code.get(code) === undefined)
    this.#starting.add(starting)
    if (missing.length > 0) this.#host.options.effects.load(missing)
    else this.#startAll(starting)
  }

  #wanted(starting: Starting): CodeRef[] {
    return [
      ...starting.codes,
      ...starting.agents.flatMap(({ code, target }) => (target === undefined ? [code] : [code, target])),
    ]
  }

  /** The edge has loaded what was asked for, or could not. */
  codeLoaded(error?: OvidError): void {
    for (const starting of [...this.#starting]) {
      if (starting.started.length > 0 || starting.gateways.size > 0) continue
      if (error !== undefined) this.#startFailed(starting, error)
      else this.#startAll(starting)
    }
  }

  #startAll(starting: Starting): void {
    const wanted = this.#wanted(starting)
    // Another load is under way: `codeLoaded` comes again.
    if (wanted.some((code) => this.#host.options.code.get(code) === undefined)) return
    try {
      for (const agent of starting.agents) starting.started.push(this.#startCell(starting, agent))
    } catch (error) {
      this.#startFailed(starting, error instanceof OvidError ? error : new OvidError('cannot-start', String(error)))
      return
    }
    if (starting.gateways.size === 0) this.#startDone(starting)
  }

  #startDone(starting: Starting): void {
    this.#starting.delete(starting)
    starting.done()
  }

  #startFailed(starting: Starting, error: OvidError): void {
    this.#starting.delete(starting)
    for (const cell of starting.started) this.#discard(cell)
    starting.held?.clear()
    starting.done(error)
  }

  /** Ends a cell that never ran. */
  #discard(cell: Cell): void {
    if (this.#successors.get(cell.id) === cell) this.#successors.delete(cell.id)
    if (cell.definition?.form === 'gateway') this.#host.options.effects.stopGateway(cell.id)
    this.#host.removeCell(cell)
    for (const message of cell.late.splice(0)) this.#host.receive(message)
  }

  #startCell(starting: Starting, agent: StartSpec): Cell {
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
      this.#successors.set(agent.id, cell)
      held.add(cell)
    }
    try {
      // A held agent gets its state by the carry; proxies are made anew.
      if (definition.form === 'proxy' || (definition.form === 'agent' && held === undefined))
        cell.state = definition.init(agent.params)
    } catch (error) {
      this.#discard(cell)
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
    const starting = [...this.#starting].find((each) => each.gateways.delete(id))
    if (starting === undefined) return
    if (error !== undefined) this.#startFailed(starting, new OvidError('cannot-start', `${id}: ${error.message}`))
    else if (starting.gateways.size === 0) this.#startDone(starting)
  }

  // ---------------------------------------------------------------------------------------- hold, drain, wedge

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

  // ----------------------------------------------------------------------------------------------------- carry

  #carry(work: PlanWork, operation: CarryOperation): void {
    work.carry = operation
    const here = this.#host.options.place
    for (const [place, batch] of this.#shares(work, operation)) this.#sendBatch(work, place, batch)
    for (const batch of this.#earlyBatches.splice(0)) if (batch.plan === work.plan) work.batches.push(batch)
    if (operation.recipe?.carrier !== here && operation.expects.length === 0)
      this.#ack(work, 'carry', { bytes: work.bytes, owners: [] })
    else this.#combine(work)
  }

  /** What leaves this host, by the place it goes to. Every place that expects a batch gets one. */
  #shares(work: PlanWork, operation: CarryOperation): Map<Place, CarryMessage> {
    const here = this.#host.options.place
    const { recipe } = operation
    const batches = new Map<Place, CarryMessage & { cells: unknown[]; channels: unknown[]; images: unknown[] }>()
    const batch = (place: Place) => {
      let found = batches.get(place)
      if (found === undefined) {
        found = { plan: work.plan, from: here, part: 'share', cells: [], channels: [], images: [] }
        batches.set(place, found)
      }
      return found
    }
    for (const { id, from, to } of operation.relocations) {
      if (from === here) batch(to).cells.push(captureCell(this.#oldCellWedged(id)) as never)
    }
    if (recipe?.olds.some(([, place]) => place === here)) {
      const placeOf = new Map(recipe.news)
      const homes = new Map(recipe.homes)
      for (const place of placeOf.values()) batch(place)
      if (recipe.carrier !== '') batch(recipe.carrier)
      for (const [id, place] of recipe.olds) {
        if (place === here)
          this.#share(recipe, homes, this.#oldCellWedged(id), (home) => batch(placeOf.get(home) as Place), batch)
      }
    }
    return batches
  }

  #oldCellWedged(id: string): Cell {
    const cell = this.#host.cells.get(id)
    invariant(cell?.status === 'wedged', 'I5', () => `${id} is carried but not wedged`)
    return cell
  }

  #share(
    recipe: Recipe,
    homes: ReadonlyMap<string, string>,
    cell: Cell,
    batchFor: (id: string) => CarryMessage,
    batchAt: (place: Place) => CarryMessage,
  ): void {
    for (const channel of captureChannels(cell, recipe.before.id)) {
      const home = homes.get(channel.client)
      invariant(
        home !== undefined,
        'I1',
        () => `${channel.client} has a channel to ${cell.id} that the controller does not know of`,
      )
      ;(batchFor(home).channels as ClientChannel[]).push({ ...channel, home })
    }
    if (!isBearer(recipe.before, cell.id)) return
    const image = captureImage(cell, recipe.before.id)
    type Images = [string, string, AgentImage][]
    if (recipe.carrier !== '') (batchAt(recipe.carrier).images as Images).push(['', cell.id, image])
    else
      for (const [to, part] of divideImage(recipe, cell.id, image, this.#host.options.code))
        (batchFor(to).images as Images).push([to, cell.id, part])
  }

  #sendBatch(work: PlanWork, place: Place, batch: CarryMessage): void {
    try {
      work.bytes += this.#host.tellSystem(hostId(place), place, '$carry', batch, 'data')
    } catch (error) {
      const { plan, from, part } = batch
      this.#host.tellSystem(
        hostId(place),
        place,
        '$carry',
        { plan, from, part, cells: [], channels: [], images: [], error: errorBody(error) },
        'data',
      )
    }
  }

  carried(batch: CarryMessage): void {
    const work = this.#work
    if (work === undefined || work.plan < batch.plan) this.#earlyBatches.push(batch)
    else if (work.plan === batch.plan && !work.begun.has('abort')) {
      work.batches.push(batch)
      if (work.carry !== undefined) this.#combine(work)
    }
  }

  /** When everything that is expected is here: lifts and lowers if this is the carrier, then installs. */
  #combine(work: PlanWork): void {
    const operation = work.carry as CarryOperation
    if (work.acks.has('carry')) return
    try {
      const failed = work.batches.find((batch) => batch.error !== undefined)?.error
      if (failed !== undefined) throw new OvidError(failed.code, failed.message)
      if (operation.recipe?.carrier === this.#host.options.place) this.#lower(work, operation.recipe)
      // What is lowered for this place has come back by now, and with it this very step.
      if (work.acks.has('carry')) return
      const shares = work.batches.filter((batch) => batch.part === 'share')
      const lowered = work.batches.filter((batch) => batch.part === 'lowered')
      const wants =
        operation.recipe !== undefined && operation.recipe.carrier !== '' && this.#receives(operation.recipe) ? 1 : 0
      if (shares.length < operation.expects.length || lowered.length < wants) return
      const owners = this.#install(work, operation)
      this.#ack(work, 'carry', { bytes: work.bytes, owners })
    } catch (error) {
      this.#ack(work, 'carry', { error: errorBody(error) })
    }
  }

  #receives(recipe: Recipe): boolean {
    return recipe.news.some(([, place]) => place === this.#host.options.place)
  }

  /** On the carrier: the old refinement lifts, the new one lowers. */
  #lower(work: PlanWork, recipe: Recipe): void {
    const sources = new Set(recipe.olds.map(([, place]) => place))
    const shares = work.batches.filter((batch) => batch.part === 'share' && sources.has(batch.from))
    if (shares.length < sources.size || work.lowered) return
    work.lowered = true
    const images = new Map(
      shares.flatMap((batch) =>
        batch.images.filter(([to]) => to === '').map(([, from, image]) => [from, image] as const),
      ),
    )
    const virtual = liftNode(recipe.before, images, this.#host.options.code)
    const placeOf = new Map(recipe.news)
    const batches = new Map<Place, [string, string, AgentImage][]>()
    for (const place of placeOf.values()) batches.set(place, [])
    for (const [id, image] of lowerNode(recipe.after, virtual, this.#host.options.code))
      batches.get(placeOf.get(id) as Place)?.push([id, recipe.before.id, image])
    for (const [place, parts] of batches) {
      this.#sendBatch(work, place, {
        plan: work.plan,
        from: this.#host.options.place,
        part: 'lowered',
        cells: [],
        channels: [],
        images: parts,
      })
    }
  }

  #heldCell(work: PlanWork, id: string): Cell {
    const cell = this.#successors.get(id)
    invariant(cell !== undefined && work.held.has(cell), 'I5', () => `${id} was not started held`)
    return cell
  }

  #install(work: PlanWork, operation: CarryOperation): AskOwner[] {
    const here = this.#host.options.place
    const batches = work.batches
    const owners: AskOwner[] = []
    const versions = new Map<string, Relocation>(operation.relocations.map((each) => [each.id, each]))
    for (const capture of batches.flatMap((batch) => batch.cells)) {
      const cell = this.#heldCell(work, capture.id)
      installCell(this.#host, cell, capture, this.#migrated(cell, capture.image, versions.get(capture.id)?.version))
    }
    const { recipe } = operation
    if (recipe === undefined) return owners
    for (const channel of batches.flatMap((batch) => batch.channels)) {
      const cell = this.#heldCell(work, channel.home)
      installChannel(this.#host, cell, channel, visibleSender(channel.client, cell.id))
    }
    const places = new Map(recipe.news)
    for (const id of bearers(recipe)) {
      if (places.get(id) !== here) continue
      const parts = new Map(
        batches.flatMap((batch) =>
          batch.images.filter(([to]) => to === id).map(([, from, image]) => [from, image] as const),
        ),
      )
      const cell = this.#heldCell(work, id)
      const image = combineImages(recipe, id, parts, this.#host.options.code)
      installImage(this.#host, cell, inherited(image))
      const answered = new Set(image.replies.map((reply) => reply.correlation))
      for (const ask of image.asks) if (!answered.has(ask.correlation)) owners.push([ask.correlation, ask.origin, id])
    }
    return owners
  }

  #migrated(cell: Cell, image: AgentImage, from: number | undefined): AgentImage {
    const definition = cell.definition as AgentDefinition
    if (from === undefined || definition.form !== 'agent' || definition.version === from) return image
    if (definition.migrate === undefined)
      throw new OvidError(
        'version-mismatch',
        `${definition.kind} ${definition.version} has no migrate; the state is of version ${from}`,
      )
    try {
      return { ...image, state: definition.migrate(image.state, from) }
    } catch (error) {
      throw new OvidError(
        'plan-failed',
        `${cell.id}: migrate from version ${from} to ${definition.version} failed: ${errorBody(error).message}`,
      )
    }
  }

  // ------------------------------------------------------------------------------------------ route and retire

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
    this.#forward(work, operation)
    for (const cell of this.#successors.values()) {
      host.putCell(cell)
      late.push(...cell.late.splice(0))
    }
    this.#successors.clear()
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

  #forward(work: PlanWork, operation: RouteOperation): void {
    const fencesLeft = new Set(operation.fencesFrom)
    for (const place of this.#earlyFences.get(work.plan) ?? []) fencesLeft.delete(place)
    this.#earlyFences.delete(work.plan)
    if (operation.fencesFrom.length === 0) return
    this.#forwarding = {
      plan: work.plan,
      moved: new Map(operation.moved),
      stopped: new Set(operation.stop),
      homes: new Map(operation.homes),
      answers: new Map(operation.answers.map(([correlation, , owner]) => [correlation, owner])),
      fencesLeft,
    }
    if (fencesLeft.size === 0) this.#retire()
  }

  /** Sends on what was meant for an agent that moved or was replaced. Says whether it did. */
  forward(message: Message): boolean {
    const successor = this.#successors.get(message.to)
    if (successor !== undefined) {
      // Another host has come to the route stage sooner than this one.
      successor.late.push(message)
      return true
    }
    const forwarding = this.#forwarding
    if (forwarding === undefined) return false
    const place = forwarding.moved.get(message.to)
    if (place !== undefined) {
      this.#host.forwarded++
      this.#host.dispatch(place, message)
      return true
    }
    if (!forwarding.stopped.has(message.to)) return false
    const answer = message.kind === 'reply' || message.kind === 'error'
    const owner = answer ? forwarding.answers.get(message.correlation) : forwarding.homes.get(message.from)
    if (owner === undefined) return false
    if (answer) this.#host.routing.graves.delete(message.correlation)
    this.#host.forwarded++
    this.#host.routing.sendById({ ...message, to: owner })
    return true
  }

  /** Everything a host sent by the old routes has arrived. */
  fence(fence: { plan: number; from: Place }): void {
    const forwarding = this.#forwarding
    if (forwarding?.plan === fence.plan) {
      forwarding.fencesLeft.delete(fence.from)
      if (forwarding.fencesLeft.size === 0) this.#retire()
      return
    }
    if (fence.plan < this.#over || this.#work?.acks.has('retire') === true) return
    const early = this.#earlyFences.get(fence.plan) ?? new Set()
    early.add(fence.from)
    this.#earlyFences.set(fence.plan, early)
  }

  #retire(): void {
    const work = this.#work
    this.#forwarding = undefined
    if (work !== undefined) this.#ack(work, 'retire')
  }

  // ----------------------------------------------------------------------------------------------------- abort

  /** The old layout runs on: what was started goes, what was held or wedged takes up again. */
  #abort(work: PlanWork): void {
    for (const starting of this.#starting) if (starting.plan === work.plan) this.#starting.delete(starting)
    for (const cell of work.held) this.#discard(cell)
    work.held.clear()
    work.batches.length = 0
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
