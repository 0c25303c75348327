import type { AgentDefinition, Passing, ProxyDefinition } from '../agent/definition.js'
import type { AskRecord, DeferredRecord } from '../agent/image.js'
import { visibleSender } from '../latt/path.js'
import type { Message } from '../message/envelope.js'
import { errorBody, invariant, OvidError } from '../message/errors.js'
import { type Cell, findInChannel, type TimerDue, type Work } from './cell.js'
import type { Host } from './host.js'
import { hostId } from './protocol.js'
import { timerKey } from './timers.js'
import { Transition, unknownType, validated } from './transition.js'

/** What a message is about no key of, a `keyOf` may throw over: the work it causes then belongs to no key. */
function keyOrNone(definition: AgentDefinition, body: unknown, type: string): string | undefined {
  try {
    return definition.partition?.keyOf(body, type)
  } catch {
    return undefined
  }
}

/** Runs an agent's handlers: one message, one transition, its effects only when the handler has returned. */
export class Handling {
  readonly #host: Host
  readonly #transition = new Transition()

  constructor(host: Host) {
    this.#host = host
  }

  handle(cell: Cell, work: Work): void {
    invariant(cell.status === 'running', 'I5', () => `${cell.id} would make a transition, but is ${cell.status}`)
    cell.handled++
    this.#host.handled++
    if (this.#host.lookout.watched) this.#host.lookout.show(cell, work)
    if (work.kind === 'timer') {
      this.#handleTimer(cell, work)
      return
    }
    // The sender may be gone and its cursor collected: what it sent before is handled all the same.
    const channel = work.sequence === 0 ? undefined : findInChannel(cell, work)
    if (channel !== undefined) {
      invariant(
        work.sequence > channel.handled && work.sequence < channel.next,
        'I2/I3',
        () => `${cell.id} handled ${channel.handled} from ${work.from}, and now ${work.sequence}`,
      )
      channel.handled = work.sequence
    }
    if (work.kind === 'reply' || work.kind === 'error') this.#handleAnswer(cell, work)
    else if (work.kind === 'flush') this.#host.flushing.pass(cell, work)
    else if (work.type !== '$void')
      this.#handleMessage(cell, work, work.as || (channel?.sender ?? visibleSender(work.from, cell.id)))
    if (work.sequence !== 0) this.#host.flow.consumed(work)
  }

  #handleMessage(cell: Cell, message: Message, sender: string): void {
    const definition = cell.definition as AgentDefinition | ProxyDefinition
    const transition = this.#transition
    transition.begin(cell, this.#host.now, sender, message.kind === 'request')
    let reply: unknown
    let key: string | undefined
    try {
      if (definition.form === 'proxy') {
        const passing: Passing = {
          kind: message.kind as 'request' | 'tell',
          type: message.type,
          body: message.body,
          sender,
        }
        definition.pass(cell.state, passing, transition)
      } else {
        const handler = definition.handlers.get(message.type)
        if (handler === undefined) throw unknownType(definition, message.type)
        const body = validated(definition, message.type, message.body)
        reply = handler(cell.state, body, transition)
        if (reply instanceof Promise)
          throw new TypeError(`handler ${message.type} returned a promise; handlers are synchronous`)
        // The key the handler saw: a schema may have given it another form.
        if (transition.effects.length > 0) key = keyOrNone(definition, body, message.type)
      }
    } catch (error) {
      this.#failed(cell, message, error)
      return
    } finally {
      transition.end()
    }
    const deferred = transition.deferred
    this.#perform(cell, message, key)
    if (definition.form === 'agent' && message.kind === 'request' && !deferred)
      this.#host.routing.replyTo(message, true, reply === undefined ? null : reply, cell.id)
  }

  /** A handler threw. Its effects are discarded; unless the error was an expected one, the agent is wedged. */
  #failed(cell: Cell, message: Message | undefined, error: unknown): void {
    const body = errorBody(error)
    const reads = (cell.definition as AgentDefinition).reads ?? {}
    const read = message !== undefined && Object.hasOwn(reads, message.type)
    if (error instanceof OvidError || read) {
      if (message?.kind === 'request') this.#host.routing.replyTo(message, false, body, cell.id)
      if (message?.kind !== 'request' || !(error instanceof OvidError))
        this.#host.lookout.fault(cell.id, body.code, `${message?.type ?? 'timer or answer'}: ${body.message}`)
      return
    }
    const text = `${cell.id}${message === undefined ? '' : `.${message.type}`}: ${body.message}`
    // The controller first: who gets the answer may ask it at once.
    this.wedgeFaulty(cell, text)
    if (message?.kind === 'request')
      this.#host.routing.replyTo(message, false, { code: 'agent-faulty', message: text }, cell.id)
  }

  /** From here on everything sent to the agent is refused: half-changed state does not run on. */
  wedgeFaulty(cell: Cell, text: string): void {
    cell.status = 'faulty'
    const left = [...cell.mailbox.toArray(), ...cell.parked]
    cell.mailbox.clear()
    cell.parked.length = 0
    for (const work of left) if (work.kind !== 'timer') this.#host.routing.refuse(work, 'agent-faulty', text)
    for (const owed of cell.deferred.values())
      this.#host.routing.replyTo(owed, false, { code: 'agent-faulty', message: text }, cell.id)
    cell.deferred.clear()
    this.#host.tellController('faulty', { id: cell.id, message: text })
  }

  #handleAnswer(cell: Cell, message: Message): void {
    const ask = cell.asks.get(message.correlation)
    if (ask === undefined) {
      this.#host.duplicates++
      return
    }
    cell.asks.delete(message.correlation)
    if (ask.dueMs > 0) this.#host.timers.cancelled++
    if (ask.inherited) this.#forget(ask)
    const definition = cell.definition as AgentDefinition
    const outcome =
      message.kind === 'reply'
        ? { ok: true as const, value: message.body, data: ask.data }
        : { ok: false as const, error: { code: message.type, message: String(message.body) }, data: ask.data }
    this.#callback(
      cell,
      ask.key,
      () => definition.replies?.[ask.then]?.(cell.state, outcome, this.#transition),
      ask.name,
    )
  }

  /** The answer is here: where it was asked for nobody needs to know its owner any more. */
  #forget(ask: AskRecord): void {
    const { correlation, origin } = ask
    if (origin === this.#host.options.place) this.#host.routing.graves.delete(correlation)
    else this.#host.tellSystem(hostId(origin), origin, 'forget', { correlation })
  }

  #handleTimer(cell: Cell, work: TimerDue): void {
    const key = timerKey(work.timer)
    if (cell.timers.get(key) !== work.timer) return
    cell.timers.delete(key)
    const definition = cell.definition as AgentDefinition
    this.#callback(
      cell,
      work.timer.key,
      () => definition.timers?.[work.timer.handler]?.(cell.state, work.timer.data, this.#transition),
      cell.self,
    )
  }

  #callback(cell: Cell, key: string | undefined, call: () => void, sender: string): void {
    this.#transition.begin(cell, this.#host.now, sender, false)
    try {
      call()
    } catch (error) {
      this.#failed(cell, undefined, error)
      return
    } finally {
      this.#transition.end()
    }
    this.#perform(cell, undefined, key)
  }

  /** Does what a transition wants done, in the order it said so. `key`: the partition key it was about. */
  #perform(cell: Cell, cause: Message | undefined, key: string | undefined): void {
    const { effects } = this.#transition
    if (effects.length === 0) return
    // Sending on one thread may run nothing, but it may grow `effects` of no other transition: take them first.
    for (const effect of effects.splice(0)) {
      switch (effect.op) {
        case 'tell':
          this.#host.routing.sendFrom(cell, 'tell', effect.name, effect.type, effect.body, 0, [], '', '')
          break
        case 'ask': {
          const { then, data = null, timeoutMs = 0 } = effect.options
          const correlation = this.#host.routing.newCorrelation(cell)
          const dueMs = timeoutMs > 0 ? cell.now + timeoutMs : 0
          const ask: AskRecord = {
            correlation,
            name: effect.name,
            then,
            data,
            key,
            origin: this.#host.options.place,
            dueMs,
            inherited: false,
          }
          this.#host.timers.addAsk(cell, ask)
          this.#host.routing.sendFrom(
            cell,
            'request',
            effect.name,
            effect.type,
            effect.body,
            correlation,
            cell.path,
            this.#host.options.place,
            '',
          )
          break
        }
        case 'defer': {
          const { correlation, path, origin } = cause as Message
          cell.deferred.set(effect.token, { token: effect.token, key, correlation, path, origin })
          break
        }
        case 'reply':
        case 'refuse': {
          const owed: DeferredRecord | undefined = cell.deferred.get(effect.token)
          if (owed === undefined) break
          cell.deferred.delete(effect.token)
          if (effect.op === 'reply') this.#host.routing.replyTo(owed, true, effect.value, cell.id)
          else this.#host.routing.replyTo(owed, false, errorBody(new OvidError(effect.code, effect.message)), cell.id)
          break
        }
        case 'timer': {
          const { handler, id = '', afterMs, data = null } = effect.options
          this.#host.timers.addTimer(cell, { handler, id, key, dueMs: cell.now + Math.max(0, afterMs), data })
          break
        }
        case 'clear':
          if (cell.timers.delete(timerKey({ handler: effect.handler, id: effect.id, key })))
            this.#host.timers.cancelled++
          break
        case 'pass': {
          const { kind, type, body, correlation, path, origin, as } = cause as Message
          const sender = as || visibleSender((cause as Message).from, cell.id)
          this.#host.routing.sendFrom(
            cell,
            kind as 'request' | 'tell',
            effect.name,
            type,
            body,
            correlation,
            path,
            origin,
            sender,
          )
          break
        }
      }
    }
  }
}
