/** Bounds how many requests to the store are under way at a time. Who finds no room waits in line. */
export class Window {
  #room: number
  readonly #line: (() => void)[] = []

  constructor(size: number) {
    this.#room = size
  }

  /** Takes a place: at once, or when the promise resolves. */
  enter(): Promise<void> | undefined {
    if (this.#room > 0) {
      this.#room--
      return undefined
    }
    return new Promise((resolve) => this.#line.push(resolve))
  }

  /** Gives a place back: to the first in line, if there is one. */
  leave(): void {
    const next = this.#line.shift()
    if (next === undefined) this.#room++
    else next()
  }
}
