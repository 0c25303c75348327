import type { AgentImage } from '../agent/image.js'
import { isWithin } from '../latt/path.js'
import type { Message } from '../message/envelope.js'
import { errorBody, OvidError } from '../message/errors.js'
import { captureImage } from './capture.js'
import type { Cell, CellStatus, Work } from './cell.js'
import type { Host } from './host.js'

/** A message as a watcher sees it. */
export interface Watched {
  /** When it was handled, ms since the epoch. */
  readonly at: number
  /** The physical agent that handled it. */
  readonly agent: string
  readonly kind: Message['kind'] | 'timer'
  readonly from: string
  readonly name: string
  readonly type: string
  readonly body: unknown
}

/** What an agent has done since it came to its host, and what waits. */
export interface AgentFigures {
  readonly id: string
  readonly status: CellStatus
  readonly handled: number
  /** Messages that wait to be handled. */
  readonly queued: number
  readonly timers: number
  /** Answers it waits for. */
  readonly asks: number
}

/** A watcher is for looking, not for recording: what is more than this in one run is not shown. */
const WATCHED_PER_RUN = 100
const MOST_FAULTS = 1000

/** What people see of a host's agents: images, figures, messages as they pass, faults. */
export class Lookout {
  readonly faults = new Map<string, { id: string; code: string; message: string; count: number }>()
  readonly #host: Host
  #watchers: { readonly id: string; readonly to: string; left: number }[] = []

  constructor(host: Host) {
    this.#host = host
  }

  /** Whether anybody watches. */
  get watched(): boolean {
    return this.#watchers.length > 0
  }

  /** A run begins: watchers may be shown as much again. */
  renew(): void {
    for (const watcher of this.#watchers) watcher.left = WATCHED_PER_RUN
  }

  /** A copy of an agent's image, for people: the agent runs on. */
  image(request: Message): void {
    const { id } = request.body as { id: string }
    const cell = this.#host.cells.get(id)
    const refuse = (code: string, message: string) => this.#host.routing.replyTo(request, false, { code, message })
    if (cell === undefined) {
      refuse('agent-lost', `${id} is not on ${this.#host.options.place}`)
      return
    }
    let copy: AgentImage
    try {
      copy = structuredClone(captureImage(cell, id))
    } catch (error) {
      refuse('not-plain-data', `${id} holds what cannot be copied: ${errorBody(error).message}`)
      return
    }
    this.#host.routing.replyTo(request, true, copy)
  }

  figures(request: Message): void {
    const { id } = request.body as { id: string }
    const figures = [...this.#host.cells.values()]
      .filter((cell) => isWithin(cell.id, id))
      .map((cell): AgentFigures => {
        const { status, handled, mailbox, parked, late, timers, asks } = cell
        return {
          id: cell.id,
          status,
          handled,
          queued: mailbox.length + parked.length + late.length,
          timers: timers.size,
          asks: asks.size,
        }
      })
    this.#host.routing.replyTo(request, true, figures)
  }

  /** Begins or ends sending a watcher a copy of what the agents at and below an id handle. */
  watch(request: Message): void {
    const { id, on } = request.body as { id: string; on: boolean }
    const to = request.path[0] ?? ''
    this.#watchers = this.#watchers.filter((watcher) => watcher.id !== id || watcher.to !== to)
    if (on) this.#watchers.push({ id, to, left: WATCHED_PER_RUN })
    this.#host.routing.replyTo(request, true, null)
  }

  show(cell: Cell, work: Work): void {
    for (const watcher of this.#watchers) {
      if (!isWithin(cell.id, watcher.id) || watcher.left-- <= 0) continue
      const { kind } = work
      const { from, name, type, body } =
        kind === 'timer' ? { from: cell.id, name: cell.id, type: work.timer.handler, body: work.timer.data } : work
      this.#tell(watcher.to, { at: this.#host.now, agent: cell.id, kind, from, name, type, body })
    }
  }

  #tell(watcher: string, shown: Watched): void {
    const message: Message = {
      kind: 'tell',
      lane: 'data',
      from: this.#host.id,
      incarnation: 0,
      to: watcher,
      name: '',
      sequence: 0,
      correlation: 0,
      path: [],
      origin: '',
      as: '',
      type: 'watched',
      body: shown,
    }
    try {
      this.#host.routing.sendById(message)
    } catch (error) {
      // On its own thread a message may hold what cannot leave it: that is no reason to stop there for who looks.
      if (!(error instanceof OvidError)) throw error
      this.#host.routing.sendById({ ...message, body: { ...shown, body: `(${error.message})` } })
    }
  }

  /** Something went wrong that no caller waits for: counted, and said to the controller once. */
  fault(id: string, code: string, message: string): void {
    const key = `${id}\u0000${code}`
    const found = this.faults.get(key)
    if (found !== undefined) {
      found.count++
      return
    }
    if (this.faults.size >= MOST_FAULTS) this.faults.delete(this.faults.keys().next().value as string)
    this.faults.set(key, { id, code, message, count: 1 })
    this.#host.tellController('fault', { id, place: this.#host.options.place, code, message })
  }
}
