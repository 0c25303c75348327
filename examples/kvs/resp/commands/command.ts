import { type AgentClient, OvidError } from '@ovid/runtime'
import type { kvs } from '../../kvs.js'
import { parseInteger } from '../../store/integers.js'
import { longestLifeMs } from '../../store/messages.js'
import { valueOfBytes } from '../../store/values.js'
import { Failure, type Reply } from '../reply.js'

/** What a connection knows of its client. */
export interface Session {
  readonly id: number
  /** As CLIENT SETNAME told; empty if it did not. */
  name: string
  /** Set by QUIT: nothing that comes after it is read. */
  ended: boolean
  readonly server: Statistics
}

/** What the gateway counts, from its start. */
export interface Statistics {
  readonly startedAtMs: number
  readonly port: number
  /** Open connections. */
  connections: number
  connectionsTotal: number
  commandsTotal: number
  protocolErrorsTotal: number
  /** Requests to the store that have no answer yet. */
  underWay: number
}

/** The store, as the gateway asks it. */
export type Store = AgentClient<typeof kvs>

/** A command that must ask the store: questions to be put in this order, and the reply their answers make. */
export class Asking {
  constructor(
    readonly questions: readonly ((store: Store) => Promise<unknown>)[],
    readonly reply: (answers: readonly unknown[]) => Reply,
  ) {}
}

/** One question about one key. */
export function ask<Answer>(question: (store: Store) => Promise<Answer>, reply: (answer: Answer) => Reply): Asking {
  return new Asking([question], (answers) => reply(answers[0] as Answer))
}

/** A question about each key. The keys may be anywhere: the command is as many transitions as it has keys. */
export function askEach<Answer>(
  questions: readonly ((store: Store) => Promise<Answer>)[],
  reply: (answers: readonly Answer[]) => Reply,
): Asking {
  return new Asking(questions, (answers) => reply(answers as readonly Answer[]))
}

export interface Command {
  readonly name: string
  /** Number of arguments, the name included; negative: at least so many. */
  readonly arity: number
  readonly flags: readonly string[]
  /** First and last argument that is a key, and the step between keys. */
  readonly keys: readonly [first: number, last: number, step: number]
  /**
   * @param args without the name
   * @throws Failure
   */
  readonly run: (args: readonly Buffer[], session: Session) => Reply | Asking
}

export const noKeys = [0, 0, 0] as const
export const firstIsKey = [1, 1, 1] as const
export const allAreKeys = [1, -1, 1] as const

/** Marks keys that are not text. No command line starts with it, and a key that does is marked as well. */
const bytesMark = '\0'

/**
 * The store's name for a key: the text it spells; for bytes that are no UTF-8 the mark, followed by one character a
 * byte. No two keys have one name.
 */
export function keyIn(bytes: Buffer): string {
  const key = valueOfBytes(bytes)
  return typeof key === 'string' && !key.startsWith(bytesMark) ? key : bytesMark + bytes.toString('latin1')
}

export { valueOfBytes as valueIn }

/** @throws Failure */
export function integerIn(bytes: Buffer): bigint {
  const integer = parseInteger(bytes.toString('latin1'))
  if (integer === undefined) throw new Failure('ERR value is not an integer or out of range')
  return integer
}

/**
 * A time to live, ms. May be zero or negative.
 *
 * @throws Failure
 */
export function lifeIn(bytes: Buffer, unitMs: 1 | 1000, command: string): number {
  const lifeMs = integerIn(bytes) * BigInt(unitMs)
  if (lifeMs > longestLifeMs) throw invalidLife(command)
  return lifeMs < -longestLifeMs ? -longestLifeMs : Number(lifeMs)
}

/** @throws Failure also for a time that is over */
export function futureLifeIn(bytes: Buffer, unitMs: 1 | 1000, command: string): number {
  const lifeMs = lifeIn(bytes, unitMs, command)
  if (lifeMs <= 0) throw invalidLife(command)
  return lifeMs
}

function invalidLife(command: string): Failure {
  return new Failure(`ERR invalid expire time in '${command}' command`)
}

export function wrongArity(name: string): Failure {
  return new Failure(`ERR wrong number of arguments for '${name}' command`)
}

const failuresByCode: Readonly<Record<string, string>> = {
  'not-an-integer': 'ERR value is not an integer or out of range',
  'integer-overflow': 'ERR increment or decrement would overflow',
  'value-too-large': 'ERR string exceeds maximum allowed size (proto-max-bulk-len)',
  'overloaded': 'BUSY too many requests are under way, try again',
}

/** What a client is told of an error, whatever threw it. */
export function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error
  if (!(error instanceof OvidError)) return new Failure(`ERR ${error instanceof Error ? error.message : String(error)}`)
  return new Failure(failuresByCode[error.code] ?? `ERR ${error.message} (${error.code})`)
}
