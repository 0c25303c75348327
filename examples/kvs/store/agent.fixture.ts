import type { AgentDefinition, Context, TimerOptions } from '@ovid/runtime'

interface SetTimer {
  readonly options: TimerOptions
  readonly dueMs: number
}

/** Runs an agent by hand: messages when the test sends them, timers when the test moves the clock. */
export class HandRunAgent<State> {
  state: State
  nowMs = 1_700_000_000_000
  readonly timers = new Map<string, SetTimer>()
  readonly #definition: AgentDefinition<State>

  // biome-ignore lint/suspicious/noExplicitAny: handlers of any kind
  constructor(definition: AgentDefinition<State, any, any>, state?: State) {
    this.#definition = definition
    this.state = state ?? definition.init(undefined)
  }

  /** The reply, or the error a handler throws. */
  send(type: string, message: unknown): unknown {
    const validated = this.#definition.messages?.[type]?.['~standard'].validate(message)
    if (validated === undefined || validated instanceof Promise || validated.issues !== undefined) {
      throw new Error(`${type} does not take ${JSON.stringify(message)}: ${JSON.stringify(validated)}`)
    }
    const handler = this.#definition.handlers.get(type)
    if (handler === undefined) throw new Error(`there is no ${type}`)
    return handler(this.state, validated.value, this.#context()) ?? null
  }

  /** Moves the clock without any timer having its turn: what a busy thread does. */
  delay(ms: number): void {
    this.nowMs += ms
  }

  /** Moves the clock and runs the timers on the way. */
  pass(ms: number): void {
    const end = this.nowMs + ms
    for (;;) {
      const next = [...this.timers.values()].sort((a, b) => a.dueMs - b.dueMs)[0]
      if (next === undefined || next.dueMs > end) break
      this.nowMs = Math.max(this.nowMs, next.dueMs)
      this.timers.delete(timerName(next.options.handler, next.options.id))
      this.#definition.timers?.[next.options.handler]?.(this.state, next.options.data, this.#context())
    }
    this.nowMs = end
  }

  #context(): Context {
    const nowMs = this.nowMs
    const unused = () => {
      throw new Error('not used by the agents tested here')
    }
    return {
      self: 'KVS',
      sender: 'Test',
      now: nowMs,
      random: unused,
      tell: unused,
      ask: unused,
      defer: unused,
      reply: unused,
      refuse: unused,
      setTimer: (options) => {
        if (options.afterMs > 2 ** 31 - 1) throw new Error(`no timer reaches ${options.afterMs} ms`)
        this.timers.set(timerName(options.handler, options.id), { options, dueMs: nowMs + options.afterMs })
      },
      clearTimer: (handler, id) => {
        this.timers.delete(timerName(handler, id))
      },
    }
  }
}

function timerName(handler: string, id = ''): string {
  return `${handler}:${id}`
}
