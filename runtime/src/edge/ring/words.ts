/**
 * The words two threads share. All that crosses threads unprotected goes through these three operations, so that a
 * test can put a scheduler behind them and try every interleaving. All are sequentially consistent.
 */
export interface SharedWords {
  load(index: number): number
  store(index: number, value: number): void
  /** Stores `value` and returns what stood there before, as one step. */
  exchange(index: number, value: number): number
}

export class AtomicWords implements SharedWords {
  readonly #words: Int32Array

  constructor(words: Int32Array) {
    this.#words = words
  }

  load(index: number): number {
    return Atomics.load(this.#words, index)
  }

  store(index: number, value: number): void {
    Atomics.store(this.#words, index, value)
  }

  exchange(index: number, value: number): number {
    return Atomics.exchange(this.#words, index, value)
  }
}
