/** What became of a row of numbered operations. */
export interface Count {
  readonly lost: number
  readonly doubled: number
  readonly reordered: number
}

export const nothingWrong: Count = { lost: 0, doubled: 0, reordered: 0 }

export function sum(a: Count, b: Count): Count {
  return { lost: a.lost + b.lost, doubled: a.doubled + b.doubled, reordered: a.reordered + b.reordered }
}

/** Compares the numbers that arrived, in the order they took effect, with those that were sent: 1 to `sent`. */
export function countOf(arrived: readonly number[], sent: number): Count {
  const seen = new Set<number>()
  let [highest, doubled, reordered] = [0, 0, 0]
  for (const number of arrived) {
    if (seen.has(number)) doubled++
    else if (number < highest) reordered++
    seen.add(number)
    highest = Math.max(highest, number)
  }
  return { lost: sent - [...seen].filter((number) => number <= sent).length, doubled, reordered }
}
