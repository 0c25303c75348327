import { type Count, countOf, nothingWrong, sum } from './count.js'

/** A way to the store: the client API or a Redis connection. */
export interface Store {
  /** Appends to the value of a key; gives its new length. */
  append(key: string, text: string): Promise<number>
  get(key: string): Promise<string | null>
}

const KEYS = 50

/** Appends 1, 2, 3, … to each of its own keys, several calls at a time, and checks every reply. */
export class Writer {
  readonly name: string
  operations = 0
  /** What it saw go wrong, in words. */
  readonly problems: string[] = []
  readonly #store: Store
  readonly #width: number
  readonly #sent = new Map<string, { count: number; length: number }>()
  #lanes: Promise<void>[] = []
  #stopping = false

  constructor(name: string, store: Store, width: number) {
    this.name = name
    this.#store = store
    this.#width = width
  }

  start(): void {
    this.#lanes = Array.from({ length: this.#width }, (_, lane) => this.#run(lane))
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all(this.#lanes)
  }

  async #run(lane: number): Promise<void> {
    for (let turn = lane; !this.#stopping && this.problems.length < 10; turn++) {
      await this.#append(`${this.name}:${turn % KEYS}`)
    }
  }

  async #append(key: string): Promise<void> {
    const sent = this.#sent.get(key) ?? { count: 0, length: 0 }
    const text = `${sent.count + 1};`
    const length = sent.length + text.length
    this.#sent.set(key, { count: sent.count + 1, length })
    this.operations++
    try {
      const replied = await this.#store.append(key, text)
      if (replied !== length) this.problems.push(`${key} is ${replied} bytes long instead of ${length}`)
    } catch (error) {
      this.problems.push(`append to ${key}: ${String(error)}`)
    }
  }

  /** What became of all it has sent, by what the store holds. */
  async count(): Promise<Count> {
    let count = nothingWrong
    for (const [key, sent] of this.#sent) {
      const value = (await this.#store.get(key)) ?? ''
      const arrived = value.split(';').filter((text) => text !== '')
      count = sum(count, countOf(arrived.map(Number), sent.count))
    }
    return count
  }
}
