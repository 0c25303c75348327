import Denque from 'denque'
import type { Cell, EdgeReceiver } from '../../box/cell.js'
import type { Host } from '../../box/host.js'
import { LONGEST_NAME } from '../../box/transition.js'
import type { Message } from '../../message/envelope.js'
import { type ErrorBody, errorBody, OvidError, shown } from '../../message/errors.js'
import type { AgentClient, CallOptions } from './types.js'

/** The thread an edge stands on: its host, and a way to have it run. */
export interface EdgeThread {
  readonly host: Host
  /** Has the host do what there is to do, now or when its turn is over. */
  kick(): void
}

export interface ClientOptions {
  /** Default time-out of calls, ms. */
  readonly timeoutMs?: number
  /** Calls under way at a time; more wait. */
  readonly maxInFlight?: number
  /** Calls and tells that may wait; more fail with `overloaded`. */
  readonly maxWaiting?: number
  /** Called once the client has left. */
  readonly onClosed?: () => void
}

/** Answers requests that are sent to the edge itself. */
export type RequestHandler = (type: string, body: unknown) => unknown

interface Pending {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: OvidError) => void
  readonly dueMs: number
  readonly what: string
}

/** A call that waits for its turn, or a tell behind one: messages to one name keep their order. */
interface Waiting extends Pending {
  readonly kind: 'request' | 'tell'
  readonly name: string
  readonly type: string
  readonly body: unknown
}

const SWEEP_MS = 100

/** Why nothing can be sent to this name under this type, if so. What begins with $ is the box's own. */
function wrongAddress(name: unknown, type: unknown): OvidError | undefined {
  for (const [what, value] of [
    ['name', name],
    ['type', type],
  ] as const) {
    if (typeof value === 'string' && value !== '' && value.length <= LONGEST_NAME && !value.startsWith('$')) continue
    return new OvidError(
      what === 'name' ? 'unknown-agent' : 'unknown-message',
      `the ${what} must be a string of 1 to ${LONGEST_NAME} characters that does not begin with $, found ${shown(value)}`,
    )
  }
  return undefined
}

/**
 * An edge as a program uses it: calls become messages of the agent it is, answers settle promises. Clients
 * and gateways are both this.
 */
export class EdgeClient implements EdgeReceiver {
  readonly #thread: EdgeThread
  readonly #options: Required<Omit<ClientOptions, 'onClosed'>> & Pick<ClientOptions, 'onClosed'>
  readonly #pending = new Map<number, Pending>()
  #waiting = new Denque<Waiting>()
  #cell: Cell | undefined
  #handle: RequestHandler | undefined
  #sweep: NodeJS.Timeout | undefined
  #closed = false

  constructor(thread: EdgeThread, options: ClientOptions = {}) {
    this.#thread = thread
    this.#options = { timeoutMs: 30_000, maxInFlight: 4096, maxWaiting: 100_000, ...options }
  }

  /** The agent's id. */
  get id(): string {
    return this.#cell?.id ?? ''
  }

  /** Calls without an answer, and what waits behind them. */
  get inFlight(): number {
    return this.#pending.size + this.#waiting.length
  }

  /** Gives the edge the cell it speaks through. */
  bind(cell: Cell, handle?: RequestHandler): void {
    this.#cell = cell
    this.#handle = handle
  }

  /**
   * An agent's typed methods. The type comes from the definition alone: `agent<typeof kvs>('KVS')`.
   */
  agent<Definition = unknown>(name: string, options: CallOptions = {}): AgentClient<Definition> {
    const methods = new Map<string, (message?: unknown, given?: CallOptions) => Promise<unknown>>()
    return new Proxy({} as object, {
      get: (_, type) => {
        // A promise must not take this for one.
        if (typeof type !== 'string' || type === 'then') return undefined
        let method = methods.get(type)
        if (method === undefined) {
          method = (message, given) => this.call(name, type, message, given ?? options)
          methods.set(type, method)
        }
        return method
      },
    }) as AgentClient<Definition>
  }

  /**
   * Sends a request and waits for its reply. Calls to one name are delivered in the order they are made.
   *
   * Rejects with an OvidError: the agent's own, or `timeout`, `overloaded`, `agent-lost`, `agent-faulty`,
   * `unknown-agent`, `unknown-message`, `invalid-message`, `not-plain-data`, `message-too-large`, `closed`.
   */
  call(name: string, type: string, body: unknown = null, options: CallOptions = {}): Promise<unknown> {
    const wrong = wrongAddress(name, type)
    if (wrong !== undefined) return Promise.reject(wrong)
    if (this.#closed || this.#cell === undefined)
      return Promise.reject(new OvidError('closed', `the client is closed; ${name}.${type} was not sent`))
    const dueMs = performance.now() + (options.timeoutMs ?? this.#options.timeoutMs)
    this.#sweep ??= setInterval(() => this.#expire(), SWEEP_MS).unref()
    return new Promise((resolve, reject) => {
      const what = `${name}.${type}`
      if (this.#pending.size < this.#options.maxInFlight && this.#waiting.length === 0)
        this.#send({ kind: 'request', resolve, reject, dueMs, what, name, type, body })
      else if (this.#waiting.length < this.#options.maxWaiting)
        this.#waiting.push({ kind: 'request', resolve, reject, dueMs, what, name, type, body })
      else
        reject(
          new OvidError('overloaded', `${this.inFlight} calls are under way; wait for some of them before ${what}`),
        )
    })
  }

  /**
   * Sends a message that wants no reply, in order with the calls to the same name. What cannot be delivered shows among
   * the faults.
   *
   * @throws OvidError `closed`, or `overloaded` if too much waits already: await a call before telling more
   */
  tell(name: string, type: string, body: unknown = null): void {
    const wrong = wrongAddress(name, type)
    if (wrong !== undefined) throw wrong
    const what = `${name}.${type}`
    if (this.#closed || this.#cell === undefined)
      throw new OvidError('closed', `the client is closed; ${what} was not sent`)
    const waiting = this.#waiting.length + (this.#cell.outgoing.get(name)?.waiting.length ?? 0)
    if (waiting >= this.#options.maxWaiting)
      throw new OvidError('overloaded', `${waiting} messages wait to be sent; await a call before ${what}`)
    const nobody = () => {}
    const dueMs = Number.POSITIVE_INFINITY
    const tell = { kind: 'tell', resolve: nobody, reject: nobody, dueMs, what, name, type, body } as const
    if (this.#waiting.length === 0) this.#send(tell)
    else this.#waiting.push(tell)
  }

  #send(waiting: Waiting): void {
    if (waiting.kind === 'request') this.#request(waiting)
    else {
      const { name, type, body } = waiting
      this.#thread.host.routing.sendFrom(this.#cell as Cell, 'tell', name, type, body, 0, [], '', '')
    }
    this.#thread.kick()
  }

  #request(call: Waiting): void {
    const cell = this.#cell as Cell
    const { host } = this.#thread
    const { name, type, body } = call
    const correlation = host.routing.newCorrelation(cell)
    this.#pending.set(correlation, call)
    const origin = host.options.place
    host.timers.addAsk(cell, {
      correlation,
      name,
      then: '',
      data: null,
      key: undefined,
      origin,
      dueMs: 0,
      inherited: false,
    })
    try {
      host.routing.sendFrom(cell, 'request', name, type, body, correlation, cell.path, origin, '')
    } catch (error) {
      this.#pending.delete(correlation)
      cell.asks.delete(correlation)
      const { code, message } = errorBody(error)
      call.reject(new OvidError(code, message))
    }
  }

  settle(correlation: number, reply: Message): void {
    const pending = this.#pending.get(correlation)
    if (pending === undefined) return
    this.#pending.delete(correlation)
    if (reply.kind === 'reply') pending.resolve(reply.body)
    else pending.reject(new OvidError(reply.type, String(reply.body)))
    this.#sendWaiting()
  }

  #sendWaiting(): void {
    while (
      this.#waiting.length > 0 &&
      this.#pending.size < this.#options.maxInFlight &&
      (this.#cell?.blocked ?? 0) === 0
    ) {
      this.#send(this.#waiting.shift() as Waiting)
    }
  }

  ready(): void {
    this.#sendWaiting()
  }

  #expire(): void {
    const now = performance.now()
    for (const [correlation, pending] of this.#pending) {
      if (pending.dueMs > now) continue
      this.#pending.delete(correlation)
      this.#cell?.asks.delete(correlation)
      pending.reject(
        new OvidError('timeout', `${pending.what} was not answered in time; whether it took effect is unknown`),
      )
    }
    const waiting = this.#waiting.toArray()
    if (waiting.some((call) => call.dueMs <= now)) {
      this.#waiting = new Denque(waiting.filter((call) => call.dueMs > now))
      for (const { dueMs, what, reject } of waiting) {
        if (dueMs <= now)
          reject(new OvidError('timeout', `${what} was not sent in time: too many calls were under way`))
      }
    }
    this.#sendWaiting()
    // A client that waits for nothing wakes nobody.
    if (this.inFlight > 0) return
    clearInterval(this.#sweep)
    this.#sweep = undefined
  }

  receive(message: Message): void {
    const { host } = this.#thread
    const answer = (ok: boolean, value: unknown) => {
      if (message.kind !== 'request') return
      host.routing.replyTo(message, ok, value, this.id)
      this.#thread.kick()
    }
    const fail = (error: unknown) => {
      const { code, message: text } = errorBody(error)
      const body: ErrorBody = { code, message: error instanceof OvidError ? text : `${this.id}: ${text}` }
      if (message.kind === 'request') answer(false, body)
      else host.lookout.fault(this.id, body.code, `${message.type} from ${message.from}: ${body.message}`)
    }
    if (this.#handle === undefined) {
      fail(new OvidError('unknown-message', `${this.id} is a client; it takes no requests`))
      return
    }
    try {
      const result = this.#handle(message.type, message.body)
      if (result instanceof Promise) result.then((value) => answer(true, value ?? null), fail)
      else answer(true, result ?? null)
    } catch (error) {
      fail(error)
    }
  }

  /** Fails what is under way and takes nothing more. */
  shut(): void {
    this.#closed = true
    clearInterval(this.#sweep)
    const error = (what: string) =>
      new OvidError('closed', `the client was closed while ${what} was under way; whether it took effect is unknown`)
    for (const pending of [...this.#pending.values(), ...this.#waiting.toArray()]) pending.reject(error(pending.what))
    this.#pending.clear()
    this.#waiting.clear()
  }

  /** Leaves the system, when everything that was sent has been consumed. */
  close(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    const cell = this.#cell
    if (cell !== undefined) for (const each of this.#waiting.toArray()) if (each.kind === 'tell') this.#send(each)
    this.shut()
    if (cell === undefined) return Promise.resolve()
    return new Promise((resolve) => {
      this.#thread.host.leave(cell, () => {
        this.#options.onClosed?.()
        resolve()
      })
      this.#thread.kick()
    })
  }
}
