const quote = '"'
const apostrophe = "'"
const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' }

/**
 * Splits an inline command in its arguments, as Redis does: blanks separate, "…" takes escapes (\n \r \t \b \a \xHH),
 * '…' takes \' alone, and a closing quote ends the argument.
 *
 * Works on text of one character a byte (latin1), so that it is safe for any bytes.
 *
 * @returns undefined if the quotes do not balance
 */
export function splitInline(line: string): string[] | undefined {
  const found: string[] = []
  let position = 0
  for (;;) {
    while (isBlank(line[position])) position++
    if (position >= line.length) return found
    const argument = argumentAt(line, position)
    if (argument === undefined) return undefined
    found.push(argument.text)
    position = argument.end
  }
}

interface Piece {
  readonly text: string
  /** Position after the piece. */
  readonly end: number
}

/** One argument: plain characters, and at its end perhaps a quoted part, as in `key="a b"`. */
function argumentAt(line: string, start: number): Piece | undefined {
  let position = start
  while (position < line.length && !isBlank(line[position])) {
    const character = line[position]
    if (character === quote || character === apostrophe) {
      const quoted = quotedAt(line, position + 1, character)
      if (quoted === undefined) return undefined
      return { text: line.slice(start, position) + quoted.text, end: quoted.end }
    }
    position++
  }
  return { text: line.slice(start, position), end: position }
}

/** The part up to the closing quote, which a blank or the line's end must follow. */
function quotedAt(line: string, start: number, mark: string): Piece | undefined {
  let text = ''
  let position = start
  while (position < line.length) {
    const character = line[position] as string
    if (character === mark) {
      const end = position + 1
      return end === line.length || isBlank(line[end]) ? { text, end } : undefined
    }
    if (character === '\\' && position + 1 < line.length) {
      const escaped = mark === quote ? escapeAt(line, position + 1) : apostropheAt(line, position + 1)
      text += escaped.text
      position = escaped.end
    } else {
      text += character
      position++
    }
  }
  return undefined
}

function escapeAt(line: string, position: number): Piece {
  const digits = /^x([0-9a-fA-F]{2})/.exec(line.slice(position, position + 3))?.[1]
  if (digits !== undefined) return { text: String.fromCharCode(Number.parseInt(digits, 16)), end: position + 3 }
  const character = line[position] as string
  return { text: escapes[character] ?? character, end: position + 1 }
}

function apostropheAt(line: string, position: number): Piece {
  return line[position] === apostrophe ? { text: apostrophe, end: position + 1 } : { text: '\\', end: position }
}

function isBlank(character: string | undefined): boolean {
  return character !== undefined && ' \t\r\n\v\f'.includes(character)
}
