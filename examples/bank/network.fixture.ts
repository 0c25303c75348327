import { type AgentDefinition, type Context, type DeferredToken, type Outcome, OvidError } from '@ovid/runtime'

// biome-ignore lint/suspicious/noExplicitAny: agents of any kind
type AnyAgent = AgentDefinition<any, any, any>

interface Hosted {
  readonly definition: AnyAgent
  /** States of its parts. */
  parts: unknown[]
}

/** How a request ended. */
export type Settled = { readonly value: unknown } | { readonly code: string }
type Settle = (settled: Settled) => void

/**
 * Runs agents that ask each other by hand. Messages wait until the test has one delivered, in any order it likes;
 * agents are divided and put together while messages are on their way, and what waits for an answer goes with its key.
 */
export class Network {
  /** Requests of these types are lost with the agent that should have taken them. */
  readonly losing = new Set<string>()
  readonly #agents = new Map<string, Hosted>()
  readonly #underWay: (() => void)[] = []
  readonly #owed = new Map<string, Settle>()

  host(name: string, definition: AnyAgent): this {
    this.#agents.set(name, { definition, parts: [definition.init(undefined)] })
    return this
  }

  /** Sends a request from outside. The result has a member once it is answered. */
  send(name: string, type: string, message: unknown): Settled[] {
    const settled: Settled[] = []
    this.#request(name, type, message, (answer) => settled.push(answer))
    return settled
  }

  /** Messages that are under way. */
  get underWay(): number {
    return this.#underWay.length
  }

  /** Delivers one of the messages under way. */
  deliver(place = 0): void {
    this.#underWay.splice(place % this.underWay, 1)[0]?.()
  }

  deliverAll(): void {
    while (this.underWay > 0) this.deliver()
  }

  /** Sends a request and delivers all there is. */
  ask(name: string, type: string, message: unknown): Settled | undefined {
    const settled = this.send(name, type, message)
    this.deliverAll()
    return settled[0]
  }

  /** Has so many parts do an agent's work from now on. */
  reshard(name: string, parts: number): void {
    const hosted = this.#hosted(name)
    const whole = this.state(name)
    hosted.parts = hosted.definition.partition?.split(whole, (key) => ownerOf(key, parts), parts) ?? []
  }

  /** The state of the whole agent. */
  state(name: string): unknown {
    const { definition, parts } = this.#hosted(name)
    return definition.partition?.merge(parts)
  }

  #hosted(name: string): Hosted {
    const hosted = this.#agents.get(name)
    if (hosted === undefined) throw new Error(`there is no ${name}`)
    return hosted
  }

  #request(name: string, type: string, message: unknown, settle: Settle): void {
    if (this.losing.has(type)) {
      this.#underWay.push(() => settle({ code: 'agent-lost' }))
      return
    }
    this.#underWay.push(() => {
      const { definition } = this.#hosted(name)
      const validated = definition.messages?.[type]?.['~standard'].validate(message)
      if (validated === undefined || validated instanceof Promise || validated.issues !== undefined) {
        throw new Error(`${name} ${type} does not take ${JSON.stringify(message)}`)
      }
      const key = definition.partition?.keyOf(validated.value, type)
      if (key === undefined) throw new Error(`${name} ${type} has no key`)
      const handler = definition.handlers.get(type)
      this.#transition(name, key, settle, (state, context) => handler?.(state, validated.value, context))
    })
  }

  #transition(name: string, key: string, settle: Settle, run: (state: unknown, context: Context) => unknown): void {
    const { definition, parts } = this.#hosted(name)
    const effects: (() => void)[] = []
    let deferred = false
    const unused = () => {
      throw new Error('not used by the agents tested here')
    }
    const context: Context = {
      self: name,
      sender: 'Test',
      now: 0,
      random: unused,
      tell: unused,
      setTimer: unused,
      clearTimer: unused,
      ask: (to, type, message, { then: handler, data }) => {
        const answered: Settle = (settled) => {
          const outcome: Outcome =
            'code' in settled
              ? { ok: false, error: { code: settled.code, message: settled.code }, data }
              : { ok: true, value: settled.value, data }
          this.#underWay.push(() => {
            this.#transition(
              name,
              key,
              () => {},
              (state, then) => definition.replies?.[handler]?.(state, outcome, then),
            )
          })
        }
        effects.push(() => this.#request(to, type, message, answered))
      },
      defer: () => {
        deferred = true
        const token: DeferredToken = { deferred: String(this.#owed.size) }
        this.#owed.set(token.deferred, settle)
        return token
      },
      reply: ({ deferred: token }, value) => effects.push(() => this.#owed.get(token)?.({ value })),
      refuse: ({ deferred: token }, code) => effects.push(() => this.#owed.get(token)?.({ code })),
    }
    try {
      const value = run(parts[ownerOf(key, parts.length)], context)
      for (const effect of effects) effect()
      if (!deferred) settle({ value })
    } catch (error) {
      if (!(error instanceof OvidError)) throw error
      settle({ code: error.code })
    }
  }
}

function ownerOf(key: string, parts: number): number {
  let sum = 0
  for (const character of key) sum += character.codePointAt(0) as number
  return sum % parts
}
