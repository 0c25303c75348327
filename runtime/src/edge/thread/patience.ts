/** Failures in a row double what is skipped, up to 2 to this power. */
const LARGEST = 8

/**
 * Learns whether it pays to wait for the next message awake. It does while an answer takes less time than falling asleep
 * and being woken, and while there are more cores than busy threads; both show in the outcome alone. After each failure
 * in a row twice as many occasions are let go by before the next attempt.
 */
export class Patience {
  #failures = 0
  #skip = 0

  /** Whether this occasion should be taken. If so, `learn` how it went. */
  take(): boolean {
    if (this.#skip === 0) return true
    this.#skip--
    return false
  }

  learn(isSuccess: boolean): void {
    if (isSuccess) this.#failures = 0
    else this.#skip = 2 ** Math.min(this.#failures++, LARGEST)
  }
}
