import type { Definition } from '../agent/definition.js'
import type { AskRecord } from '../agent/image.js'
import type { Boot } from '../controller/boot.js'
import { controllerDefinition } from '../controller/controller.js'
import type { ChangeRequest, ChangeResult } from '../controller/state.js'
import { type CodeRef, type CodeStore, codeKey } from '../latt/code.js'
import type { Transformation } from '../latt/transformation.js'
import type { Message, Place } from '../message/envelope.js'
import { OvidError } from '../message/errors.js'
import { boxManager } from './box-manager.js'
import type { Cell } from './cell.js'
import { Host } from './host.js'
import { CONTROLLER } from './protocol.js'

type Outcome = { ok: true; value: unknown } | { ok: false; code: string; message: string }

/** A seeded generator for schedules (mulberry32). */
function seeded(seed: number): (below: number) => number {
  let state = seed | 0
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** A client of a lab: calls are started here and settle as the lab runs. */
export class LabClient {
  readonly lab: Lab
  cell: Cell | undefined
  readonly received: { type: string; body: unknown; sender: string }[] = []
  readonly #pending = new Map<number, (outcome: Outcome) => void>()

  constructor(
    lab: Lab,
    readonly place: Place,
  ) {
    this.lab = lab
    lab.host(place).join(
      {
        receive: (message, sender) => {
          this.received.push({ type: message.type, body: message.body, sender })
          if (message.kind === 'request') lab.host(place).routing.replyTo(message, true, null, this.cell?.id)
        },
        settle: (correlation, reply) => {
          const then = this.#pending.get(correlation)
          this.#pending.delete(correlation)
          then?.(
            reply.kind === 'reply'
              ? { ok: true, value: reply.body }
              : { ok: false, code: reply.type, message: String(reply.body) },
          )
        },
        ready: () => {},
      },
      (cell) => {
        this.cell = cell
      },
    )
  }

  call(name: string, type: string, body: unknown, then: (outcome: Outcome) => void): void {
    const cell = this.cell as Cell
    const host = this.lab.host(this.place)
    const correlation = host.routing.newCorrelation(cell)
    this.#pending.set(correlation, then)
    const ask: AskRecord = {
      correlation,
      name,
      then: '',
      data: null,
      key: undefined,
      origin: this.place,
      dueMs: 0,
      inherited: false,
    }
    host.timers.addAsk(cell, ask)
    host.routing.sendFrom(cell, 'request', name, type, body, correlation, cell.path, this.place, '')
  }

  tell(name: string, type: string, body: unknown): void {
    this.lab.host(this.place).routing.sendFrom(this.cell as Cell, 'tell', name, type, body, 0, [], '', '')
  }
}

/**
 * A whole box in one thread, on a simulated clock: the production hosts, controller and box manager, with
 * queues in between that are drained in an order drawn from a seed.
 */
export class Lab {
  readonly hosts = new Map<Place, Host>()
  readonly code = new Map<string, Definition | Transformation>()
  readonly queues = new Map<string, Message[]>()
  readonly random: (below: number) => number
  now = 1_000_000
  steps = 0
  /** Sees every message that crosses places; returns what is to be delivered in its stead. */
  filter: (message: Message, from: Place, to: Place) => readonly Message[] = (message) => [message]
  readonly dead = new Set<Place>()
  readonly #loads: { host: Host; codes: readonly CodeRef[] }[] = []
  readonly refs = new Map<string, CodeRef>()
  readonly #gateways: { host: Host; id: string }[] = []

  constructor(options: { threads: number; seed: number; planTimeoutMs?: number; development?: boolean }) {
    this.random = seeded(options.seed)
    for (let thread = 0; thread <= options.threads; thread++)
      this.#addHost(`main/${thread}`, options.development ?? true)
    const main = this.host('main/0')
    const controller = controllerDefinition({ get: (code) => this.code.get(codeKey(code)) })
    const cell = main.addCell({
      id: CONTROLLER,
      serial: -1,
      self: CONTROLLER,
      definition: controller,
      status: 'running',
    })
    cell.state = controller.init({ planTimeoutMs: options.planTimeoutMs ?? 30_000 })
    const manager = main.addCell({
      id: 'box/main',
      serial: -2,
      self: 'box/main',
      definition: boxManager,
      status: 'running',
    })
    manager.state = boxManager.init({ name: 'main' })
    for (const place of this.hosts.keys()) this.tellManager('threadUp', { place })
  }

  #addHost(place: Place, development: boolean): void {
    const loaded = new Set<string>()
    const store: CodeStore = {
      get: (code) => (loaded.has(codeKey(code)) || place === 'main/0' ? this.code.get(codeKey(code)) : undefined),
    }
    const host: Host = new Host({
      place,
      controller: 'main/0',
      code: store,
      development,
      effects: {
        send: (to, message) => this.#send(place, to, message),
        reaches: (to) => this.hosts.has(to) && !this.dead.has(to),
        load: (codes) => {
          for (const code of codes) loaded.add(codeKey(code))
          this.#loads.push({ host, codes })
        },
        startGateway: (started) => this.#gateways.push({ host, id: started.id }),
        stopGateway: () => {},
      },
    })
    host.now = this.now
    this.hosts.set(place, host)
  }

  host(place: Place): Host {
    const host = this.hosts.get(place)
    if (host === undefined) throw new Error(`no host ${place}`)
    return host
  }

  tellManager(type: string, body: unknown): void {
    this.host('main/0').tellSystem('box/main', 'main/0', type, body)
  }

  #send(from: Place, to: Place, message: Message): number {
    if (this.dead.has(to)) return 0
    let copy: Message
    try {
      copy = structuredClone(message)
    } catch {
      throw new OvidError('not-plain-data', `${message.type}: the body cannot be cloned`)
    }
    const key = `${from} ${to} ${message.lane}`
    const queue = this.queues.get(key) ?? []
    this.queues.set(key, queue)
    queue.push(...this.filter(copy, from, to))
    return JSON.stringify(message.body)?.length ?? 0
  }

  /** Registers a definition or transformation under a name. */
  register(name: string, definition: Definition | Transformation, parts: Record<string, Definition> = {}): CodeRef {
    const ref = { module: name, pick: [] }
    this.code.set(codeKey(ref), definition)
    for (const [path, part] of Object.entries(parts))
      this.code.set(codeKey({ module: name, pick: path.split('.') }), part)
    return ref
  }

  registerTransformation(transformation: Transformation): CodeRef {
    const parts = Object.fromEntries(
      Object.entries(transformation.agents).map(([name, agent]) => [`agents.${name}`, agent]),
    )
    return this.register(transformation.name, transformation, parts as Record<string, Definition>)
  }

  /** One step, drawn from the seed. Says whether there was anything to do. */
  step(): boolean {
    this.steps++
    const queues = [...this.queues].filter(([, queue]) => queue.length > 0)
    const busy = [...this.hosts.values()].filter((host) => host.busy && !this.dead.has(host.options.place))
    const choices = queues.length + busy.length + (this.#loads.length > 0 ? 1 : 0) + (this.#gateways.length > 0 ? 1 : 0)
    if (choices === 0) return false
    let choice = this.random(choices)
    if (choice < queues.length) {
      const [key, queue] = queues[choice] as [string, Message[]]
      const message = queue.shift() as Message
      const to = key.split(' ')[1] as Place
      if (!this.dead.has(to)) this.host(to).receive(message)
      return true
    }
    choice -= queues.length
    if (choice < busy.length) {
      ;(busy[choice] as Host).run(this.now, 1 + this.random(4))
      return true
    }
    const load = this.#loads.shift()
    if (load !== undefined) load.host.reconfiguration.starting.codeLoaded()
    else {
      const gateway = this.#gateways.shift()
      gateway?.host.reconfiguration.starting.gatewayStarted(gateway.id)
    }
    return true
  }

  /** Runs until `done`, moving the clock to the next timer whenever nothing else can happen. */
  until(done: () => boolean, what = 'the condition'): void {
    for (let limit = 0; !done(); limit++) {
      if (limit > 5_000_000) throw new Error(`${what} did not come about in ${limit} steps`)
      if (this.step()) continue
      const next = [...this.hosts.values()].flatMap((host) =>
        this.dead.has(host.options.place) ? [] : (host.nextTimerAt() ?? []),
      )
      if (next.length === 0) throw new Error(`${what} can never come about: nothing is left to do`)
      this.now = Math.max(this.now, Math.min(...next))
      for (const host of this.hosts.values()) if (!this.dead.has(host.options.place)) host.run(this.now, 1)
    }
  }

  /** Runs until nothing can happen at this time. */
  settle(): void {
    while (this.step());
  }

  client(place: Place = 'main/0'): LabClient {
    const client = new LabClient(this, place)
    this.until(() => client.cell !== undefined, 'joining')
    return client
  }

  /** Calls and runs until the answer is there. */
  call(client: LabClient, name: string, type: string, body: unknown = null): unknown {
    const outcome = this.outcome(client, name, type, body)
    if (!outcome.ok) throw new OvidError(outcome.code, outcome.message)
    return outcome.value
  }

  outcome(client: LabClient, name: string, type: string, body: unknown = null): Outcome {
    let outcome: Outcome | undefined
    client.call(name, type, body, (result) => {
      outcome = result
    })
    this.until(() => outcome !== undefined, `an answer to ${name}.${type}`)
    return outcome as Outcome
  }

  boot(client: LabClient, boot: Omit<Boot, 'places'>): void {
    this.call(client, CONTROLLER, 'boot', { ...boot, places: [...this.hosts.keys()] })
  }

  change(client: LabClient, change: ChangeRequest): ChangeResult {
    return this.call(client, CONTROLLER, 'change', change) as ChangeResult
  }

  /** A thread ends as if it had crashed. */
  crash(place: Place): void {
    this.dead.add(place)
    for (const [key, queue] of this.queues) if (key.split(' ').includes(place)) queue.length = 0
    this.tellManager('threadLost', { place, reason: 'crashed' })
  }

  get forwarders(): number {
    return [...this.hosts.values()].reduce((sum, host) => sum + host.statistics().forwarders, 0)
  }
}
