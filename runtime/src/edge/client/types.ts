import type { AgentDefinition, Handlers } from '../../agent/definition.js'

export interface CallOptions {
  /** The call fails with `timeout` after this time, ms. */
  readonly timeoutMs?: number
}

// biome-ignore lint/suspicious/noExplicitAny: any handler at all
type AnyHandler = (...args: any[]) => unknown

/** A handler as its callers see it: without state and context, and later. */
type Method<H extends AnyHandler> = Parameters<H>['length'] extends 0 | 1
  ? (message?: undefined, options?: CallOptions) => Promise<Reply<ReturnType<H>>>
  : null extends Parameters<H>[1]
    ? (message?: Parameters<H>[1], options?: CallOptions) => Promise<Reply<ReturnType<H>>>
    : (message: Parameters<H>[1], options?: CallOptions) => Promise<Reply<ReturnType<H>>>

/** What a handler returns nothing for arrives as null; deferred replies are typed by nobody. */
type Reply<R> = [unknown, R] extends [R, unknown]
  ? R
  : R extends object | string | number | boolean | bigint | null
    ? R
    : null

/** An agent as its clients see it, typed by its definition alone. */
export type AgentClient<Definition> =
  Definition extends AgentDefinition<infer _State, infer Reads, infer Writes>
    ? (Reads extends Handlers<infer _S> ? { [Type in keyof Reads]: Method<Reads[Type]> } : object) &
        (Writes extends Handlers<infer _S> ? { [Type in keyof Writes]: Method<Writes[Type]> } : object)
    : Record<string, (message?: unknown, options?: CallOptions) => Promise<unknown>>
