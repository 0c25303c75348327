import type { AskOptions, Context, DeferredToken, ProxyContext, TimerOptions } from '../agent/context.js'
import type { AgentDefinition } from '../agent/definition.js'
import { nextRandom } from '../agent/image.js'
import { errorBody, OvidError, shown } from '../message/errors.js'
import type { Cell } from './cell.js'

/** What a transition wants done, in order. It is done only when the handler has returned. */
export type Effect =
  | { readonly op: 'tell'; readonly name: string; readonly type: string; readonly body: unknown }
  | {
      readonly op: 'ask'
      readonly name: string
      readonly type: string
      readonly body: unknown
      readonly options: AskOptions
    }
  | { readonly op: 'defer'; readonly token: string }
  | { readonly op: 'reply'; readonly token: string; readonly value: unknown }
  | { readonly op: 'refuse'; readonly token: string; readonly code: string; readonly message: string }
  | { readonly op: 'timer'; readonly options: TimerOptions }
  | { readonly op: 'clear'; readonly handler: string; readonly id: string }
  | { readonly op: 'pass'; readonly name: string }

/** Names and message types longer than this are a mistake. */
export const LONGEST_NAME = 1000

// Misuse is not an expected error: it must not pass for one after the state was touched, hence no OvidError.
function needName(value: unknown, what: string): void {
  if (typeof value !== 'string' || value === '' || value.length > LONGEST_NAME || value.startsWith('$'))
    throw new TypeError(
      `${what} must be a string of 1 to ${LONGEST_NAME} characters that does not begin with $, found ${shown(value)}`,
    )
}

/**
 * The context handlers see. One per host, used again for every transition: a handler must not keep it.
 */
export class Transition implements Context, ProxyContext {
  readonly effects: Effect[] = []
  deferred = false
  now = 0
  sender = ''
  #cell: Cell | undefined
  #request = false

  get self(): string {
    return this.#running().self
  }

  begin(cell: Cell, hostNow: number, sender: string, request: boolean): void {
    cell.now = Math.max(cell.now, hostNow)
    this.#cell = cell
    this.#request = request
    this.now = cell.now
    this.sender = sender
    this.deferred = false
    this.effects.length = 0
  }

  end(): void {
    this.#cell = undefined
  }

  #running(): Cell {
    if (this.#cell === undefined) throw new TypeError('the context was used after its handler returned')
    return this.#cell
  }

  random(): number {
    const cell = this.#running()
    const { random, value } = nextRandom(cell.random)
    cell.random = random
    return value
  }

  tell(name: string, type: string, body: unknown = null): void {
    this.#running()
    needName(name, 'tell: name')
    needName(type, 'tell: type')
    this.effects.push({ op: 'tell', name, type, body })
  }

  ask(name: string, type: string, body: unknown, options: AskOptions): void {
    const definition = this.#running().definition as AgentDefinition
    needName(name, 'ask: name')
    needName(type, 'ask: type')
    if (definition.replies?.[options?.then] === undefined) {
      throw new TypeError(`ask: agent ${definition.kind} has no replies.${String(options?.then)}`)
    }
    this.effects.push({ op: 'ask', name, type, body: body ?? null, options })
  }

  defer(): DeferredToken {
    const cell = this.#running()
    if (!this.#request) throw new TypeError('defer: only the handler of a request can defer its reply')
    if (this.deferred) throw new TypeError('defer: this reply is deferred already')
    const token = `${cell.serial}.${cell.nextToken++}`
    this.deferred = true
    this.effects.push({ op: 'defer', token })
    return { deferred: token }
  }

  reply(token: DeferredToken, value: unknown): void {
    this.#running()
    needName(token?.deferred, 'reply: token')
    this.effects.push({ op: 'reply', token: token.deferred, value: value ?? null })
  }

  refuse(token: DeferredToken, code: string, message: string): void {
    this.#running()
    needName(token?.deferred, 'refuse: token')
    needName(code, 'refuse: code')
    this.effects.push({ op: 'refuse', token: token.deferred, code, message })
  }

  setTimer(options: TimerOptions): void {
    const definition = this.#running().definition as AgentDefinition
    if (definition.timers?.[options.handler] === undefined) {
      throw new TypeError(`setTimer: agent ${definition.kind} has no timers.${String(options.handler)}`)
    }
    if (!Number.isFinite(options.afterMs))
      throw new TypeError(`setTimer: afterMs must be a number, found ${String(options.afterMs)}`)
    this.effects.push({ op: 'timer', options })
  }

  clearTimer(handler: string, id = ''): void {
    this.#running()
    this.effects.push({ op: 'clear', handler, id })
  }

  keyOf(body: unknown, type: string): string | undefined {
    const { target } = this.#running()
    if (target?.partition === undefined) throw new TypeError('keyOf: the virtual agent has no partition')
    if (!target.handlers.has(type)) throw unknownType(target, type)
    const key = keyOfMessage(target, validated(target, type, body), type)
    if (key !== undefined && typeof key !== 'string')
      throw new OvidError('invalid-message', `${target.kind}.${type}: the key must be a string, found ${shown(key)}`)
    return key
  }

  pass(name: string): void {
    this.#running()
    needName(name, 'pass: name')
    this.effects.push({ op: 'pass', name })
  }
}

export function unknownType(definition: AgentDefinition, type: string): OvidError {
  return new OvidError(
    'unknown-message',
    `${definition.kind} has no message ${shown(type)}; it has ${[...definition.handlers.keys()].join(', ')}`,
  )
}

/** A message whose body has not the form `keyOf` expects is the caller's mistake, not the agent's. */
function keyOfMessage(definition: AgentDefinition, body: unknown, type: string): string | undefined {
  try {
    return definition.partition?.keyOf(body, type)
  } catch (error) {
    throw new OvidError(
      'invalid-message',
      `${definition.kind}.${type}: no key can be found in the message: ${errorBody(error).message}`,
    )
  }
}

/** The body a handler sees: validated, if its agent declares a schema for the type. */
export function validated(definition: AgentDefinition, type: string, body: unknown): unknown {
  const schema =
    definition.messages !== undefined && Object.hasOwn(definition.messages, type)
      ? definition.messages[type]
      : undefined
  if (schema === undefined) return body
  const result = schema['~standard'].validate(body)
  if (result instanceof Object && 'then' in result) {
    throw new OvidError('definition-invalid', `agent ${definition.kind}: the schema of ${type} must be synchronous`)
  }
  if (result.issues === undefined) return result.value
  const issues = result.issues.map((issue) => {
    const path = (issue.path ?? [])
      .map((part) => (typeof part === 'object' ? String(part.key) : String(part)))
      .join('.')
    return path === '' ? issue.message : `${path}: ${issue.message}`
  })
  throw new OvidError('invalid-message', `${definition.kind}.${type}: ${issues.join('; ')}`)
}
