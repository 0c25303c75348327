import { OvidError } from '../message/errors.js'

/** Text as part of a message: never longer than a line can show, and without control characters. */
export function shortened(text: string, most = 60): string {
  const visible = text.replace(/\p{Cc}/gu, ' ')
  return visible.length <= most ? visible : `${visible.slice(0, most)}… (${visible.length} characters)`
}

/** Reads a command line from left to right: words first, then, if a command wants it, the rest as it stands. */
export class LineReader {
  #rest: string

  constructor(line: string) {
    this.#rest = line.trim()
  }

  get isEmpty(): boolean {
    return this.#rest === ''
  }

  /**
   * The next word, or undefined at the end. Quotation marks keep blanks together.
   *
   * @throws OvidError `command-invalid` if a quotation mark is not closed
   */
  word(): string | undefined {
    if (this.isEmpty) return undefined
    const [whole = ''] = /^(?:[^\s"']|"[^"]*"|'[^']*')+/.exec(this.#rest) ?? []
    const after = this.#rest.slice(whole.length)
    if (/^["']/.test(after))
      throw new OvidError('command-invalid', `the quotation mark before ${shortened(after.slice(1), 30)} is not closed`)
    this.#rest = after.trimStart()
    return whole.replace(/"([^"]*)"|'([^']*)'/g, (_, double?: string, single?: string) => double ?? single ?? '')
  }

  /** All that is left. */
  rest(): string {
    const rest = this.#rest
    this.#rest = ''
    return rest
  }

  /** Takes `--flag` off the end of the line, where it cannot be part of a JSON value or an expression. */
  takeFlag(flag: string): boolean {
    const match = new RegExp(`(?:^|\\s)--${flag}$`).exec(this.#rest)
    if (match === null) return false
    this.#rest = this.#rest.slice(0, match.index)
    return true
  }

  /** Takes `name=value` off the end of the line: no JSON value ends in that. */
  takeOption(names: readonly string[]): [string, string] | undefined {
    if (names.length === 0) return undefined
    const match = new RegExp(`(?:^|\\s)(${names.join('|')})=([^\\s"'\\]}]*)$`).exec(this.#rest)
    if (match === null) return undefined
    this.#rest = this.#rest.slice(0, match.index)
    return [match[1] ?? '', match[2] ?? '']
  }
}

/** How many letters must be changed, left out or put in, or two neighbours exchanged, to get from one to the other. */
function distance(one: string, other: string): number {
  let before: number[] = []
  let row = Array.from({ length: other.length + 1 }, (_, column) => column)
  for (let line = 1; line <= one.length; line++) {
    const next = [line]
    for (let column = 1; column <= other.length; column++) {
      const same = one[line - 1] === other[column - 1]
      const swapped =
        line > 1 && column > 1 && one[line - 1] === other[column - 2] && one[line - 2] === other[column - 1]
      next[column] = Math.min(
        (row[column] ?? 0) + 1,
        (next[column - 1] ?? 0) + 1,
        (row[column - 1] ?? 0) + (same ? 0 : 1),
        swapped ? (before[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
      )
    }
    before = row
    row = next
  }
  return row[other.length] ?? 0
}

/** The candidate that was probably meant, if any is near. */
export function nearest(found: string, candidates: Iterable<string>): string | undefined {
  if (found.length > 100) return undefined
  let best: string | undefined
  let least = Math.max(1, Math.floor(found.length / 3)) + 1
  for (const candidate of candidates) {
    const away = distance(found.toLowerCase(), candidate.toLowerCase())
    if (away < least) {
      best = candidate
      least = away
    }
  }
  return best
}

/** ` Did you mean show?`, or nothing: the sentence after one that ends in a full stop. */
export function didYouMean(found: string, candidates: Iterable<string>): string {
  const meant = nearest(found, candidates)
  return meant === undefined ? '' : ` Did you mean ${meant}?`
}

/** A list for a message: the first few, and how many more there are. */
export function listed(items: readonly string[], most = 8): string {
  if (items.length === 0) return 'none'
  const shown = items.slice(0, most).join(', ')
  return items.length <= most ? shown : `${shown} and ${items.length - most} more`
}
