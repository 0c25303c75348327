import { MessageChannel } from 'node:worker_threads'
import * as Comlink from 'comlink'
import { Piscina } from 'piscina'
import type { Place } from '../../message/envelope.js'
import { mortalEndpoint, type ThreadControl, type WorkerTask } from '../thread/control.js'
import { createLink, type MeshLink } from '../thread/mesh.js'

export interface PoolOptions {
  readonly box: string
  readonly threads: number
  readonly controller: Place
  readonly development: boolean
  /** Heap a thread may use, MiB; beyond it the thread ends and its agents are lost. */
  readonly threadMemoryMiB?: number | undefined
  /** The main thread's end of a new connection. */
  readonly onLink: (link: MeshLink) => void
  readonly onUp: (thread: number) => void
  /** A thread ended by itself. */
  readonly onLost: (thread: number, reason: string) => void
  readonly onError: (error: Error) => void
}

interface Slot {
  readonly thread: number
  readonly remote: Comlink.Remote<ThreadControl>
  /** Undefined if it ended before it could say. */
  readonly workerId: Promise<number | undefined>
  readonly done: Promise<void>
}

/**
 * The worker threads of a box: a piscina pool that runs one long-lived task per thread, and starts a thread
 * anew when one ends.
 */
export class ThreadPool {
  readonly #options: PoolOptions
  readonly #piscina: Piscina
  /** Proxies are kept here: comlink hangs a call whose proxy is collected. */
  readonly #slots = new Map<number, Slot>()
  #stopping = false

  constructor(options: PoolOptions) {
    this.#options = options
    this.#piscina = new Piscina({
      filename: new URL('../thread/worker.js', import.meta.url).href,
      minThreads: options.threads,
      maxThreads: options.threads,
      concurrentTasksPerWorker: 1,
      // Piscina's other modes block a thread's event loop between tasks.
      atomics: 'disabled',
      recordTiming: false,
      maxQueue: options.threads,
      closeTimeout: 500,
      ...(options.threadMemoryMiB !== undefined && {
        resourceLimits: { maxOldGenerationSizeMb: options.threadMemoryMiB },
      }),
    })
    this.#piscina.on('error', options.onError)
  }

  start(): void {
    const links = new Map<number, MeshLink[]>()
    const linksOf = (thread: number) => {
      const found = links.get(thread) ?? []
      links.set(thread, found)
      return found
    }
    for (let a = 0; a <= this.#options.threads; a++) {
      for (let b = a + 1; b <= this.#options.threads; b++) {
        const [forA, forB] = createLink(a, b)
        linksOf(a).push(forA)
        linksOf(b).push(forB)
      }
    }
    for (const link of linksOf(0)) this.#options.onLink(link)
    for (let thread = 1; thread <= this.#options.threads; thread++) this.#launch(thread, linksOf(thread))
  }

  #launch(thread: number, links: readonly MeshLink[]): void {
    const { box, controller, development } = this.#options
    const { port1, port2 } = new MessageChannel()
    const task: WorkerTask = { place: `${box}/${thread}`, controller, development, control: port2 }
    const done: Promise<void> = this.#piscina.run(task, { transferList: [port2] })
    const remote = Comlink.wrap<ThreadControl>(mortalEndpoint(port1))
    // Not with the task, which waits for its thread: a peer may end meanwhile, and its doorbell with it.
    for (const link of links) this.#attach(remote, link)
    this.#slots.set(thread, {
      thread,
      remote,
      workerId: remote.workerId().catch(() => undefined),
      done: done.then(
        () => port1.close(),
        (error: unknown) => {
          port1.close()
          this.#lost(thread, error)
        },
      ),
    })
    this.#options.onUp(thread)
  }

  /** The task's promise settles only when the thread's life ends. */
  #lost(thread: number, error: unknown): void {
    this.#slots.delete(thread)
    if (this.#stopping) return
    const { code, message } = error as { code?: string; message?: string }
    const reason = code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'the thread ran out of memory' : (message ?? String(error))
    for (const slot of this.#slots.values()) void this.#ignoreGone(slot.remote.detach(thread))
    this.#options.onLost(thread, reason)
    this.#relaunch(thread)
  }

  #relaunch(thread: number): void {
    const own: MeshLink[] = []
    const [forMain, toMain] = createLink(0, thread)
    own.push(toMain)
    this.#options.onLink(forMain)
    for (const slot of this.#slots.values()) {
      const [forPeer, toPeer] = createLink(slot.thread, thread)
      own.push(toPeer)
      this.#attach(slot.remote, forPeer)
    }
    this.#launch(thread, own)
  }

  #attach(remote: Comlink.Remote<ThreadControl>, link: MeshLink): void {
    void this.#ignoreGone(remote.attach(Comlink.transfer(link, [link.doorbell as never])))
  }

  /** A call to a thread that ends meanwhile fails; that end is an event of its own. */
  async #ignoreGone(call: Promise<unknown>): Promise<void> {
    try {
      await call
    } catch (error) {
      if (!(error instanceof Error && error.message === 'the thread is gone')) this.#options.onError(error as Error)
    }
  }

  async statistics(): Promise<{ thread: number; statistics: Awaited<ReturnType<ThreadControl['statistics']>> }[]> {
    return Promise.all(
      [...this.#slots.values()].map(async ({ thread, remote }) => ({ thread, statistics: await remote.statistics() })),
    )
  }

  /** Ends a thread at once, as a crash would. Comes back when its loss has been told. */
  async kill(thread: number): Promise<void> {
    const slot = this.#slots.get(thread)
    const workerId = await slot?.workerId
    await this.#piscina.threads.find((worker) => worker.threadId === workerId)?.terminate()
    await slot?.done
  }

  async stop(): Promise<void> {
    this.#stopping = true
    const slots = [...this.#slots.values()]
    await Promise.all(slots.map((slot) => this.#ignoreGone(slot.remote.stop())))
    await Promise.all(slots.map((slot) => slot.done))
    await this.#piscina.destroy()
  }
}
