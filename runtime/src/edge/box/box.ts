import { availableParallelism } from 'node:os'
import type { AgentImage } from '../../agent/image.js'
import { boxManager } from '../../box/box-manager.js'
import { isBearer, liftNode } from '../../box/carry.js'
import type { HostStatistics } from '../../box/host.js'
import type { AgentFigures, Watched } from '../../box/lookout.js'
import { boxManagerId, CONTROLLER, hostId } from '../../box/protocol.js'
import { type ControllerDefinition, controllerDefinition } from '../../controller/controller.js'
import type { Plugin } from '../../controller/deployment.js'
import type { CodeRef } from '../../latt/code.js'
import type { LattNode } from '../../latt/latt.js'
import type { Place } from '../../message/envelope.js'
import { OvidError } from '../../message/errors.js'
import { type ClientOptions, EdgeClient, type RequestHandler } from '../client/client.js'
import type { AgentClient } from '../client/types.js'
import { ModuleStore } from '../module-store.js'
import { ThreadLoop } from '../thread/loop.js'
import { loadAgent, loadPlugin, loadSystem } from './load-system.js'
import { ThreadPool } from './pool.js'

export interface BoxOptions {
  /** Path or file URL of the module whose default export is the system. */
  readonly system: string
  /** Name of the box. Default: main. */
  readonly name?: string
  /** Worker threads. Default: one per core, at least 2, at most 8. */
  readonly threads?: number
  /** Freeze and check messages that stay on their thread. Default: when NODE_ENV is development. */
  readonly development?: boolean
  /** Heap a worker thread may use, MiB. */
  readonly threadMemoryMiB?: number
  /** A stage of a reconfiguration that takes longer than this is given up, ms. Default: 30 000. */
  readonly planTimeoutMs?: number
  /** Told of what goes wrong at the edges of the box. Default: a line on standard error. */
  readonly onError?: (error: Error) => void
}

interface Layout {
  readonly epoch: number
  readonly node: LattNode
  readonly agents: readonly { readonly id: string; readonly place: Place; readonly status: string }[]
}

/** An agent as a person may look into it. */
export interface Inspection extends Pick<AgentImage, 'state' | 'timers' | 'asks' | 'deferred'> {
  readonly id: string
  readonly epoch: number
}

/** Statistics of one physical agent. */
export interface AgentStatistics extends AgentFigures {
  readonly place: Place
}

/** How often an agent is looked at anew when it is changed meanwhile. */
const INSPECT_TRIES = 20

/** Statistics of one thread. */
export interface ThreadStatistics extends HostStatistics {
  readonly place: Place
  /** Messages that wait for room in a ring. */
  readonly pending: number
  readonly heapBytes: number
}

function checkOptions(options: BoxOptions): { name: string; threads: number } {
  const { name = 'main', threads = Math.min(8, Math.max(2, availableParallelism())) } = options
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(name))
    throw new OvidError(
      'option-invalid',
      `a box name is letters, digits, - and _, starting with a letter; found ${JSON.stringify(name)}`,
    )
  if (!Number.isSafeInteger(threads) || threads < 1 || threads > 128)
    throw new OvidError('option-invalid', `threads must be 1 to 128, found ${String(threads)}`)
  return { name, threads }
}

/** A running box: its main thread with the controller and the box manager, and its worker threads. */
export class Box {
  readonly name: string
  readonly store = new ModuleStore()
  readonly loop: ThreadLoop
  readonly #pool: ThreadPool
  readonly #clients = new Set<EdgeClient>()
  readonly #threads: number
  #stopped: Promise<void> | undefined

  constructor(options: BoxOptions) {
    const { name, threads } = checkOptions(options)
    const onError = options.onError ?? ((error: Error) => process.stderr.write(`ovid: ${error.message}\n`))
    const development = options.development ?? process.env.NODE_ENV === 'development'
    const controller: Place = `${name}/0`
    this.name = name
    this.#threads = threads
    this.loop = new ThreadLoop({
      place: controller,
      controller,
      development,
      store: this.store,
      onBroken: (peer, error) => onError(new Error(`from thread ${peer}: ${String(error)}`)),
    })
    this.#pool = new ThreadPool({
      box: name,
      threads,
      controller,
      development,
      threadMemoryMiB: options.threadMemoryMiB,
      onLink: (link) => {
        this.loop.mesh.detach(link.peer)
        this.loop.attach(link)
      },
      onUp: (thread) => this.#tellManager('threadUp', { place: `${name}/${thread}` }),
      onLost: (thread, reason) => this.#tellManager('threadLost', { place: `${name}/${thread}`, reason }),
      onError,
    })
    this.#startSystemAgents(options.planTimeoutMs)
  }

  #startSystemAgents(planTimeoutMs: number | undefined): void {
    const { host } = this.loop
    const definition = controllerDefinition(this.store)
    const controller = host.addCell({ id: CONTROLLER, serial: -1, self: CONTROLLER, definition, status: 'running' })
    controller.state = definition.init(planTimeoutMs === undefined ? {} : { planTimeoutMs })
    const id = boxManagerId(this.name)
    const manager = host.addCell({ id, serial: -2, self: id, definition: boxManager, status: 'running' })
    manager.state = boxManager.init({ name: this.name })
  }

  #tellManager(type: string, body: unknown): void {
    this.loop.host.tellSystem(boxManagerId(this.name), `${this.name}/0`, type, body)
    this.loop.kick()
  }

  /** Starts the threads and the system. */
  async start(system: string): Promise<void> {
    const boot = await loadSystem(system, this.name, this.store)
    this.#tellManager('threadUp', { place: `${this.name}/0` })
    this.#pool.start()
    const client = await this.connect()
    try {
      const places = Array.from({ length: this.#threads + 1 }, (_, thread) => `${this.name}/${thread}`)
      await client.call(CONTROLLER, 'boot', { ...boot, places })
    } finally {
      await client.close()
    }
  }

  /** A client in this process. */
  async connect(options: ClientOptions = {}): Promise<EdgeClient> {
    if (this.#stopped !== undefined) throw new OvidError('closed', 'the box is stopped')
    const client = new EdgeClient(this.loop, { ...options, onClosed: () => this.#clients.delete(client) })
    await this.#join(client)
    return client
  }

  #join(client: EdgeClient, handle?: RequestHandler): Promise<void> {
    this.#clients.add(client)
    return new Promise<void>((resolve) => {
      this.loop.host.join(client, (cell) => {
        client.bind(cell, handle)
        resolve()
      })
      this.loop.kick()
    })
  }

  /** The controller's typed methods, for a client. */
  controller(client: EdgeClient): AgentClient<ControllerDefinition> {
    return client.agent<ControllerDefinition>(CONTROLLER, { timeoutMs: 600_000 })
  }

  /** Loads a plug-in and registers it with the controller. `from`: URL of the module that names it. */
  async registerPlugin(client: EdgeClient, specifier: string, from: string): Promise<Plugin> {
    const plugin = await loadPlugin(specifier, from, this.store)
    await this.controller(client).registerPlugin(plugin)
    return plugin
  }

  /**
   * Finds the agent an upgrade leads to: `path`, or `path#export`. A file that has changed is loaded anew.
   *
   * @throws OvidError `code-not-found`
   */
  async loadUpgrade(path: string, kind?: string): Promise<{ code: CodeRef; kind: string; version: number }> {
    const { code, definition } = await loadAgent(path, kind, this.store)
    return { code, kind: definition.kind, version: definition.version }
  }

  /**
   * A virtual agent's image, lifted from its parts, or a physical agent's own. The agent runs on: each part is
   * seen at its own moment, but all in one layout.
   */
  async inspect(client: EdgeClient, id: string): Promise<Inspection> {
    for (let left = INSPECT_TRIES; ; left--) {
      const layout = (await this.controller(client).layout({ id })) as Layout
      try {
        const inspection = await this.#look(client, id, layout)
        const { epoch } = (await this.controller(client).layout({ id })) as Layout
        if (epoch === layout.epoch) return inspection
        if (left === 0) throw new OvidError('agent-lost', `${id} was changed each time it was looked at; try again`)
      } catch (error) {
        // A part may just have gone with its layout.
        if (left === 0 || !(error instanceof OvidError) || error.code !== 'agent-lost') throw error
        if (layout.agents.some(({ status }) => status === 'lost')) throw error
      }
    }
  }

  async #look(client: EdgeClient, id: string, { epoch, node, agents }: Layout): Promise<Inspection> {
    const images = new Map<string, AgentImage>()
    for (const { id: each, place, status } of agents) {
      if (!isBearer(node, each)) continue
      if (status === 'lost') throw new OvidError('agent-lost', `${each} was lost with its thread; its state is gone`)
      images.set(each, (await client.call(hostId(place), 'image', { id: each })) as AgentImage)
    }
    const first = agents[0]
    if (images.size === 0) {
      const what = node.role === 'gateway' ? 'is a gateway and keeps no state here' : 'is a proxy'
      throw new OvidError('agent-pinned', `${id} ${what}${first === undefined ? '' : ` (on ${first.place})`}`)
    }
    const { state, timers, asks, deferred } = liftNode(node, images, this.store)
    return { id, epoch, state, timers, asks, deferred }
  }

  /** Shows `listener` the messages that the agents at and below an id handle, until the returned function is called. */
  async watch(client: EdgeClient, id: string, listener: (message: Watched) => void): Promise<() => Promise<void>> {
    await this.controller(client).layout({ id })
    const watcher = new EdgeClient(this.loop)
    await this.#join(watcher, (type, body) => {
      if (type === 'watched') listener(body as Watched)
    })
    const tellAll = async (on: boolean) => {
      const boxes = await this.controller(client).boxes()
      for (const { place, status } of boxes.flatMap((box) => box.threads)) {
        if (status === 'running') await watcher.call(hostId(place), 'watch', { id, on })
      }
    }
    await tellAll(true)
    return async () => {
      await tellAll(false)
      await watcher.close()
      this.#clients.delete(watcher)
    }
  }

  /** What each physical agent at and below an id has done. Agents that are lost are left out. */
  async agentStatistics(client: EdgeClient, id: string): Promise<AgentStatistics[]> {
    const { agents } = (await this.controller(client).layout({ id })) as Layout
    const places = new Set(agents.filter(({ status }) => status !== 'lost').map(({ place }) => place))
    const found = await Promise.all(
      [...places].map(async (place) => {
        const figures = (await client.call(hostId(place), 'figures', { id })) as AgentFigures[]
        return figures.map((each) => ({ place, ...each }))
      }),
    )
    return found.flat().sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  async statistics(): Promise<ThreadStatistics[]> {
    const main: ThreadStatistics = {
      place: `${this.name}/0`,
      ...this.loop.statistics(),
      heapBytes: process.memoryUsage().heapUsed,
    }
    const workers = await this.#pool.statistics()
    workers.sort((a, b) => a.thread - b.thread)
    return [main, ...workers.map(({ thread, statistics }) => ({ place: `${this.name}/${thread}`, ...statistics }))]
  }

  /** Ends a worker thread as a crash would: its agents are lost. For tests of what then happens. */
  async killThread(thread: number): Promise<void> {
    await this.#pool.kill(thread)
  }

  /** Stops gateways, threads and clients. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    for (const client of this.#clients) client.shut()
    await this.#pool.stop()
    await this.loop.stop()
  }
}

/**
 * Starts a box with a system in this process.
 *
 * @throws OvidError `option-invalid`, `code-not-found`, `definition-invalid`, `cannot-start` and what the
 * transformations of the system may be refused with
 */
export async function startBox(options: BoxOptions): Promise<Box> {
  const box = new Box(options)
  try {
    await box.start(options.system)
  } catch (error) {
    await box.stop()
    throw error
  }
  return box
}

/** A client of a box in this process. Close it with `close`. */
export function connect(box: Box, options: ClientOptions = {}): Promise<EdgeClient> {
  return box.connect(options)
}
