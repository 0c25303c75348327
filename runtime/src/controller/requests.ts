import type { Context } from '../agent/context.js'
import { asOvidError, OvidError, shown } from '../message/errors.js'
import type { ChangeRequest, ControllerState } from './state.js'

type Fields = Readonly<Record<string, 'string' | 'number' | 'object'>>

const verbs: Readonly<Record<string, Fields>> = {
  transform: { plugin: 'string', options: 'object' },
  untransform: {},
  move: { place: 'string' },
  upgrade: { code: 'object', kind: 'string', version: 'number' },
}

function refuse(what: string): never {
  throw new OvidError('invalid-message', `controller.change: ${what}`)
}

/** A change as it came: from anybody, in any form. The controller must not fail over it. */
export function checkedChange(request: unknown): ChangeRequest {
  if (typeof request !== 'object' || request === null) refuse('the message must be an object with a verb and an id')
  const given = request as Record<string, unknown>
  const fields = typeof given.verb === 'string' && Object.hasOwn(verbs, given.verb) ? verbs[given.verb] : undefined
  if (fields === undefined) refuse(`verb must be one of ${Object.keys(verbs).join(', ')}, found ${shown(given.verb)}`)
  for (const [name, type] of Object.entries({ id: 'string', ...fields })) {
    const value = given[name]
    if (typeof value !== type || value === null) refuse(`${name} must be of type ${type}, found ${shown(value)}`)
  }
  if (given.verb === 'upgrade') checkCode(given.code as Record<string, unknown>)
  return request as ChangeRequest
}

function checkCode({ module, pick }: Record<string, unknown>): void {
  const named = typeof module === 'string' && Array.isArray(pick) && pick.every((step) => typeof step === 'string')
  if (!named) refuse('code must name a module and the way to an export of it')
}

/**
 * Handlers of messages that only the box's own agents may send: anybody else is refused with `not-allowed`.
 */
export function fromBox<
  Handlers extends Record<string, (state: ControllerState, message: never, context: Context) => void>,
>(handlers: Handlers): Handlers {
  const guard = ([type, handler]: [string, Handlers[string]]) => [
    type,
    (state: ControllerState, message: never, context: Context) => {
      if (context.sender !== 'box')
        throw new OvidError('not-allowed', `${type} is for the agents of a box; ${context.sender} is none`)
      handler(state, message, context)
    },
  ]
  return Object.fromEntries((Object.entries(handlers) as [string, Handlers[string]][]).map(guard)) as Handlers
}

/**
 * Runs what calls the code of plug-ins: whatever that throws becomes an error the asker is told.
 *
 * @throws OvidError `plugin-failed`
 */
export function guarded<Result>(what: string, run: () => Result): Result {
  try {
    return run()
  } catch (error) {
    const { code, message } = asOvidError(error, 'plugin-failed')
    throw new OvidError(code, error instanceof OvidError ? message : `${what}: ${message}`)
  }
}
