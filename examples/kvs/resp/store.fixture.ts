import { OvidError } from '@ovid/runtime'
import { kvs } from '../kvs.js'
import { HandRunAgent } from '../store/agent.fixture.js'
import type { Store } from './commands/command.js'

/** One request of the gateway to the store. */
export interface Asked {
  readonly type: string
  readonly message: { readonly key: string }
}

/**
 * Stands in for the runtime: a store that takes requests in the order they are made. It answers at once, or, once
 * `holding`, when the test says so and in the order the test says.
 */
export class StoreStandIn {
  readonly agent = new HandRunAgent(kvs)
  readonly asked: Asked[] = []
  holding = false
  /** Error codes that requests about these keys end in. */
  readonly failing = new Map<string, string>()
  readonly #held: (() => void)[] = []

  readonly client: Store = new Proxy({} as Store, {
    get: (_target, type: string) => (message: Asked['message']) => this.#ask(type, message),
  })

  /** Answers that are held. */
  get held(): number {
    return this.#held.length
  }

  /** Gives the held answer at that place, the first unless told. */
  answer(place = 0): void {
    this.#held.splice(place, 1)[0]?.()
  }

  answerAll(): void {
    while (this.#held.length > 0) this.answer()
  }

  #ask(type: string, message: Asked['message']): Promise<unknown> {
    this.asked.push({ type, message })
    const outcome = this.#outcome(type, message)
    if (!this.holding) return outcome
    return new Promise((resolve) => this.#held.push(() => resolve(outcome)))
  }

  async #outcome(type: string, message: Asked['message']): Promise<unknown> {
    const code = this.failing.get(message.key)
    if (code !== undefined) throw new OvidError(code, `no answer about ${message.key}`)
    return this.agent.send(type, message)
  }
}
