/** Verbs whose line ends in JSON or JavaScript, which may take more than one line. */
const mayGoOn = /^\s*(call|tell|bench|js)\s/

/**
 * Whether a line opens more brackets than it closes, so that what follows belongs to it. Only a terminal asks: in a
 * script a command is one line.
 */
export function isUnfinished(line: string): boolean {
  if (!mayGoOn.test(line)) return false
  let open = 0
  let quote = ''
  for (let index = 0; index < line.length; index++) {
    const character = line[index] as string
    if (quote !== '') {
      if (character === '\\') index++
      else if (character === quote) quote = ''
    } else if (character === '"' || character === "'" || character === '`') quote = character
    else if ('{[('.includes(character)) open++
    else if ('}])'.includes(character)) open--
  }
  return open > 0
}
