import type { Words } from './words.js'
import type { Store } from './writer.js'

/** Reads random words, several calls at a time, and checks each. */
export class Reader {
  readonly name: string
  operations = 0
  readonly problems: string[] = []
  readonly #store: Store
  readonly #words: Words
  readonly #width: number
  #lanes: Promise<void>[] = []
  #stopping = false

  constructor(name: string, store: Store, words: Words, width: number) {
    this.name = name
    this.#store = store
    this.#words = words
    this.#width = width
  }

  start(): void {
    this.#lanes = Array.from({ length: this.#width }, () => this.#run())
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all(this.#lanes)
  }

  async #run(): Promise<void> {
    while (!this.#stopping && this.problems.length < 10) {
      const index = Math.floor(Math.random() * this.#words.count)
      const key = this.#words.keyOf(index)
      this.operations++
      try {
        const value = await this.#store.get(key)
        if (value !== this.#words.valueOf(index)) this.problems.push(`${key} is ${String(value)}`)
      } catch (error) {
        this.problems.push(`get ${key}: ${String(error)}`)
      }
    }
  }
}
