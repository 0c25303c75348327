import { availableParallelism } from 'node:os'
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
import { Patience } from './patience.js'

/** Messages taken in, and messages handled, before the other has its turn. */
const BATCH = 256
/** A turn ends after this time, so that sockets and timers of the thread have theirs, ms. */
const TURN_MS = 4
/** Of the kicks between turns one in so many looks into the rings: there may be credit for a sender that never pauses. */
const KICKS = 64
/** A watch of the rings ends after this time, ms: about what it takes to sleep and be woken. */
const WATCH_MS = 0.03
/** On a single core whoever watches keeps the other from writing what is watched for. */
const MAY_WATCH = availableParallelism() > 1

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

const { timeOrigin } = performance

/** Wall-clock time with sub-millisecond steps, ms since the epoch. */
function wallClock(): number {
  return timeOrigin + performance.now()
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
  /** Something will look into the rings: a doorbell, the next watch, or the next turn. */
  #attended = false
  #kicks = 0
  readonly #patience = new Patience()
  /** Another thread was heard of, or written to, since the last watch: more may come at once. */
  #inTouch = false
  #watching = false
  /** When the event loop last went round, ms. */
  #roundAt = 0
  #immediate: NodeJS.Immediate | undefined
  #timer: NodeJS.Timeout | undefined
  #timerAt = Number.POSITIVE_INFINITY
  #stopped = false

  constructor(options: LoopOptions) {
    const { place, controller, development, store, onBroken } = options
    this.#box = boxOf(place)
    this.#store = store
    this.mesh = new Mesh({ onWake: () => this.#onRound(), onBroken })
    this.gateways = new Gateways(this)
    this.host = new Host({
      place,
      controller,
      development,
      code: store,
      effects: {
        send: (to, message) => this.#send(to, message),
        reaches: (to) => boxOf(to) === this.#box && this.mesh.isAttached(threadOf(to)),
        load: (codes) => void this.#load(codes),
        startGateway: (cell: Cell, definition: GatewayDefinition, params: unknown) =>
          this.gateways.start(cell, definition, params),
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
      const bytes = this.mesh.send(threadOf(to), message)
      this.#inTouch = true
      return bytes
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
    this.host.reconfiguration.starting.codeLoaded(failure)
    this.kick()
  }

  kick(): void {
    if (this.#inTurn) {
      this.#again = true
      return
    }
    this.#kicks = (this.#kicks + 1) % KICKS
    this.#work(!this.#attended || this.#kicks === 0)
  }

  /** Works until there is nothing to do or the turn's time is up. */
  turn(): void {
    this.#work(true)
  }

  /** `look`: into the rings. Without it only the host runs: what comes from other threads is attended to. */
  #work(look: boolean): void {
    if (this.#inTurn || this.#stopped) return
    this.#inTurn = true
    if (look) this.#attended = false
    const began = wallClock()
    let now = began
    try {
      for (;;) {
        this.#again = false
        const received = look ? this.mesh.receive(this.#sink, BATCH) : 0
        const handled = this.host.run(now, BATCH)
        if (received > 0) this.#inTouch = true
        const isDone = (!look || (received === 0 && handled === 0)) && !this.#again && !this.host.busy
        if (isDone && (this.#watchSoon() || !look || this.mesh.idle())) break
        now = wallClock()
        if (now - began <= TURN_MS) continue
        this.#immediate ??= setImmediate(this.#onImmediate)
        break
      }
      this.#attended = true
    } finally {
      this.#inTurn = false
    }
    this.#setTimer()
  }

  readonly #sink = (message: Message) => this.host.receive(message)

  readonly #onImmediate = () => {
    this.#immediate = undefined
    this.#onRound()
  }

  /** Called by the event loop. */
  #onRound(): void {
    this.#roundAt = wallClock()
    this.turn()
  }

  /**
   * Has the rings watched for a while instead of sleeping, if that promises to pay: to be woken costs more time than
   * most answers take, and for who rings it costs more than all the rest of a message.
   */
  #watchSoon(): boolean {
    if (this.#watching) return true
    if (!this.#inTouch || !MAY_WATCH || !this.#patience.take()) return false
    this.#inTouch = false
    this.#watching = true
    // After all that answers just received give rise to: those who wait for them must not wait for the watch.
    queueMicrotask(() => process.nextTick(this.#watch))
    return true
  }

  readonly #watch = () => {
    this.#watching = false
    if (this.#stopped || this.#inTurn) return
    const began = wallClock()
    if (began - this.#roundAt > TURN_MS) {
      this.#immediate ??= setImmediate(this.#onImmediate)
      return
    }
    let received = 0
    this.#inTurn = true
    this.#attended = false
    try {
      do received = this.mesh.receive(this.#sink, BATCH)
      while (received === 0 && wallClock() - began < WATCH_MS)
    } finally {
      this.#inTurn = false
    }
    this.#patience.learn(received > 0)
    if (received > 0) this.#inTouch = true
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
      this.#onRound()
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
