/**
 * What has arrived of a numbered stream (1, 2, 3, …). Plain data, so that an agent can keep it in its state. It stays
 * small however long the stream is, as long as nothing is missing.
 */
export interface Tally {
  /** Highest number that has arrived. */
  last: number
  /** Numbers below `last` that have not. */
  readonly missing: Set<number>
  doubled: number
  /** Numbers that arrived after a higher one. */
  reordered: number
}

/** A stream with a larger gap is broken beyond counting. */
const MOST_MISSING = 100_000

export function emptyTally(): Tally {
  return { last: 0, missing: new Set(), doubled: 0, reordered: 0 }
}

/** Notes the arrival of a number. */
export function arrived(tally: Tally, number: number): void {
  if (number > tally.last) {
    for (let skipped = tally.last + 1; skipped < number && tally.missing.size < MOST_MISSING; skipped++) {
      tally.missing.add(skipped)
    }
    tally.last = number
  } else if (tally.missing.delete(number)) tally.reordered++
  else tally.doubled++
}

/** How many of the numbers up to `sent` have not arrived. */
export function lostOf(tally: Tally, sent: number): number {
  return tally.missing.size + Math.max(0, sent - tally.last)
}
