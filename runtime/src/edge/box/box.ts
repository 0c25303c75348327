import { availableParallelism } from 'node:os'
import { boxManager } from '../../box/box-manager.js'
import { boxManagerId, CONTROLLER } from '../../box/protocol.js'
import { type ControllerDefinition, controllerDefinition } from '../../controller/controller.js'
import type { Plugin } from '../../controller/deployment.js'
import type { Place } from '../../message/envelope.js'
import { OvidError } from '../../message/errors.js'
import { type ClientOptions, EdgeClient } from '../client/client.js'
import type { AgentClient } from '../client/types.js'
import { ModuleStore } from '../module-store.js'
import { ThreadLoop } from '../thread/loop.js'
import { loadPlugin, loadSystem } from './load-system.js'
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

/** Statistics of one thread. */
export interface ThreadStatistics {
  readonly place: Place
  readonly agents: number
  readonly handled: number
  readonly duplicates: number
  readonly forwarded: number
  readonly forwarders: number
  readonly graves: number
  readonly queued: number
  readonly faults: number
  readonly pending: number
  readonly heapBytes: number
}

function checkOptions(options: BoxOptions): { name: string; threads: number } {
  const { name = 'main', threads = Math.min(8, Math.max(2, availableParallelism())) } = options
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(name)) throw new OvidError('option-invalid', `a box name is letters, digits, - and _, starting with a letter; found ${JSON.stringify(name)}`)
  if (!Number.isSafeInteger(threads) || threads < 1 || threads > 128) throw new OvidError('option-invalid', `threads must be 1 to 128, found ${String(threads)}`)
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
    const client = new EdgeClient(this.loop, options)
    this.#clients.add(client)
    await new Promise<void>((resolve) => {
      this.loop.host.join(client, (cell) => {
        client.bind(cell)
        resolve()
      })
      this.loop.kick()
    })
    return client
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

  async statistics(): Promise<ThreadStatistics[]> {
    const main: ThreadStatistics = { place: `${this.name}/0`, ...this.loop.statistics(), heapBytes: process.memoryUsage().heapUsed }
    const workers = await this.#pool.statistics()
    return [main, ...workers.map(({ thread, statistics }) => ({ place: `${this.name}/${thread}`, ...statistics }))].sort((a, b) => (a.place < b.place ? -1 : 1))
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
