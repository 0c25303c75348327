import type { AgentClient } from '@ovid/runtime'
import { chanceOf, oneOf } from './chance.js'
import type { Faults, Ledger, Operation } from './ledger.js'

/** How a writer reaches the ledger: a client's way, or a gateway's. */
export interface Way {
  readonly ledger: AgentClient<Ledger>
  tell(type: string, body: unknown): void
}

export interface WriterOptions {
  readonly name: string
  readonly seed: number
  readonly keys: readonly string[]
  /** Calls it has under way at a time. */
  readonly width: number
}

/** What a writer has done so far. Plain data. */
export interface WriterReport {
  readonly name: string
  readonly operations: number
  /** By key, how many operations of each kind were sent. */
  readonly notes: ReadonlyMap<string, number>
  readonly stamps: ReadonlyMap<string, number>
  readonly reminders: ReadonlyMap<string, number>
  /** What it saw go wrong, in words. */
  readonly problems: readonly string[]
}

const MOST_PROBLEMS = 20

/**
 * Keeps numbered operations going: calls and tells mixed, several at a time, to random keys. Checks every reply, and
 * that what it reads holds what it wrote before.
 */
export class Writer {
  readonly #way: Way
  readonly #options: WriterOptions
  readonly #notes = new Map<string, number>()
  readonly #stamps = new Map<string, number>()
  readonly #reminders = new Map<string, number>()
  readonly #problems: string[] = []
  readonly #lanes: Promise<void>[] = []
  #operations = 0
  #stopping = false

  constructor(way: Way, options: WriterOptions) {
    this.#way = way
    this.#options = options
  }

  /** Begins, or goes on after `stop`. */
  start(): void {
    this.#stopping = false
    const { seed, width } = this.#options
    for (let lane = 0; lane < width; lane++) this.#lanes.push(this.#run(chanceOf(seed * 1000 + lane)))
  }

  /** Ends when all that was sent has arrived and has no consequences outstanding. */
  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all(this.#lanes.splice(0))
    // Comes after all tells about its key, and is answered when timers and answers about it are in.
    await Promise.all(this.#options.keys.map((key) => this.#guarded('rest', () => this.#way.ledger.rest({ key }))))
  }

  get report(): WriterReport {
    return {
      name: this.#options.name,
      operations: this.#operations,
      notes: this.#notes,
      stamps: this.#stamps,
      reminders: this.#reminders,
      problems: this.#problems,
    }
  }

  async #run(chance: (below: number) => number): Promise<void> {
    while (!this.#stopping && this.#problems.length === 0) {
      const key = oneOf(chance, this.#options.keys)
      const choice = chance(100)
      this.#operations++
      if (choice < 25) this.#way.tell('note', this.#next(this.#notes, key))
      else if (choice < 30) this.#way.tell('remind', this.#next(this.#reminders, key))
      else if (choice < 65) await this.#note(key)
      else if (choice < 80) await this.#look(key)
      else if (choice < 90) await this.#stamp(key)
      else await this.#remind(key)
    }
  }

  #next(counts: Map<string, number>, key: string): Operation {
    const number = (counts.get(key) ?? 0) + 1
    counts.set(key, number)
    return { key, writer: this.#options.name, number }
  }

  async #guarded<Result>(what: string, call: () => Promise<Result>): Promise<Result | undefined> {
    try {
      return await call()
    } catch (error) {
      this.#problem(`${what} failed: ${error instanceof Error ? error.message : String(error)}`)
      return undefined
    }
  }

  #problem(text: string): void {
    if (this.#problems.length < MOST_PROBLEMS) this.#problems.push(`${this.#options.name}: ${text}`)
  }

  async #note(key: string): Promise<void> {
    const operation = this.#next(this.#notes, key)
    const what = `note ${operation.number} of ${key}`
    const faults = await this.#guarded<Faults>(what, () => this.#way.ledger.note(operation))
    if (faults !== undefined && faults.missing + faults.doubled + faults.reordered > 0) {
      this.#problem(`${what} found ${JSON.stringify(faults)}`)
    }
  }

  /** What was sent before is seen; nothing is seen that was not sent. */
  async #look(key: string): Promise<void> {
    const before = this.#notes.get(key) ?? 0
    const seen = await this.#guarded('look', () => this.#way.ledger.look({ key, writer: this.#options.name }))
    const after = this.#notes.get(key) ?? 0
    if (seen !== undefined && (seen < before || seen > after)) {
      this.#problem(`look at ${key} saw ${seen}; ${before} were sent before it and ${after} in all`)
    }
  }

  async #stamp(key: string): Promise<void> {
    const operation = this.#next(this.#stamps, key)
    const what = `stamp ${operation.number} of ${key}`
    const answer = await this.#guarded<unknown>(what, () => this.#way.ledger.stamp(operation))
    if (answer !== undefined && answer !== operation.number) this.#problem(`${what} was answered ${String(answer)}`)
  }

  async #remind(key: string): Promise<void> {
    await this.#guarded('remind', () => this.#way.ledger.remind(this.#next(this.#reminders, key)))
  }
}
