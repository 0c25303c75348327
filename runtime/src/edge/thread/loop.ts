import type { GatewayDefinition } from '../../agent/definition.js'
import type { Cell } from '../../box/cell.js'
import { Host, type HostStatistics } from '../../box/host.js'
import type { CodeRef } from '../../latt/code.js'
import type { Message, Place } from '../../message/envelope.js'
import { errorBody, OvidError } from '../../message/errors.js'
import type { EdgeThread } from '../client/client.js'
import type { ModuleStore } from '../module-store.js'
import { Gateways } from './gateways.js'
import { Mesh, type MeshLink } from './mesh.js'

/** Messages taken in, and messages handled, before the other has its turn. */
const BATCH = 256
/** A turn ends after this time, so that sockets and timers of the thread have theirs, ms. */
const TURN_MS = 4

export interface LoopOptions {
  readonly place: Place
  readonly controller: Place
  readonly development: boolean
  readonly store: ModuleStore
  /** Something that came over a ring is no message. */
  readonly onBroken: (peer: number, error: unknown) => void
}

const boxOf = (place: Place) => place.slice(0, place.indexOf('/'))
const threadOf = (place: Place) => Number(place.slice(place.indexOf('/') + 1))

/** Wall-clock time with sub-millisecond steps, ms since the epoch. */
export function wallClock(): number {
  return performance.timeOrigin + performance.now()
}

/**
 * One thread at work: takes messages from the rings, has the host handle them, sleeps when there is nothing
 * to do. The host decides; this only moves bytes and time.
 */
export class ThreadLoop implements EdgeThread {
  readonly host: Host
  readonly mesh: Mesh
  readonly gateways: Gateways
  readonly #box: string
  readonly #store: ModuleStore
  #inTurn = false
  #again = false
  #immediate: NodeJS.Immediate | undefined
  #timer: NodeJS.Timeout | undefined
  #timerAt = Number.POSITIVE_INFINITY
  #stopped = false

  constructor(options: LoopOptions) {
    const { place, controller, development, store, onBroken } = options
    this.#box = boxOf(place)
    this.#store = store
    this.mesh = new Mesh({ onWake: () => this.turn(), onBroken })
    this.gateways = new Gateways(this)
    this.host = new Host({
      place,
      controller,
      development,
      code: store,
      effects: {
        send: (to, message) => this.#send(to, message),
        load: (codes) => void this.#load(codes),
        startGateway: (cell: Cell, definition: GatewayDefinition, params: unknown) => this.gateways.start(cell, definition, params),
        stopGateway: (id) => void this.gateways.stop(id),
      },
    })
    this.host.now = wallClock()
  }

  attach(link: MeshLink): void {
    this.mesh.attach(link)
  }

  /** To a thread that is gone nothing is sent: the controller tells everyone what was lost with it. */
  #send(to: Place, message: Message): number {
    if (boxOf(to) !== this.#box) return 0
    try {
      return this.mesh.send(threadOf(to), message)
    } catch (error) {
      if (error instanceof OvidError && error.code === 'no-such-place') return 0
      throw error
    }
  }

  async #load(codes: readonly CodeRef[]): Promise<void> {
    let failure: OvidError | undefined
    try {
      for (const code of codes) await this.#store.load(code)
    } catch (error) {
      const { code, message } = errorBody(error)
      failure = new OvidError(code, message)
    }
    if (this.#stopped) return
    this.host.reconfiguration.codeLoaded(failure)
    this.kick()
  }

  kick(): void {
    if (this.#inTurn) this.#again = true
    else this.turn()
  }

  /** Works until there is nothing to do or the turn's time is up. */
  turn(): void {
    if (this.#inTurn || this.#stopped) return
    this.#inTurn = true
    const began = performance.now()
    try {
      for (;;) {
        this.#again = false
        const received = this.mesh.receive(this.#sink, BATCH)
        const handled = this.host.run(wallClock(), BATCH)
        if (received === 0 && handled === 0 && !this.#again && !this.host.busy) {
          if (this.mesh.idle()) break
        } else if (performance.now() - began > TURN_MS) {
          this.#immediate ??= setImmediate(this.#onImmediate)
          break
        }
      }
    } finally {
      this.#inTurn = false
    }
    this.#setTimer()
  }

  readonly #sink = (message: Message) => this.host.receive(message)

  readonly #onImmediate = () => {
    this.#immediate = undefined
    this.turn()
  }

  #setTimer(): void {
    const next = this.host.nextTimerAt() ?? Number.POSITIVE_INFINITY
    if (next === this.#timerAt) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#timerAt = next
    if (next === Number.POSITIVE_INFINITY) return
    const delay = Math.min(Math.max(1, Math.ceil(next - wallClock())), 2 ** 31 - 1)
    this.#timer = setTimeout(() => {
      this.#timerAt = Number.POSITIVE_INFINITY
      this.turn()
    }, delay)
  }

  statistics(): HostStatistics & { readonly pending: number } {
    return { ...this.host.statistics(), pending: this.mesh.pending() }
  }

  async stop(): Promise<void> {
    await this.gateways.stopAll()
    this.#stopped = true
    clearTimeout(this.#timer)
    clearImmediate(this.#immediate)
    this.mesh.close()
  }
}
