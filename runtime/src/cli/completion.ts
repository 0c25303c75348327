import { candidates } from './candidates.js'
import type { Command, Parameter } from './command.js'
import type { Session } from './session.js'

/** What Tab offers, and the part of the line it stands for. */
export interface Completion {
  readonly hits: readonly string[]
  readonly part: string
}

/** Ids down to the next slash: a large tree is walked level by level. */
function levels(ids: readonly string[], part: string): string[] {
  const cut = ids
    .filter((id) => id.startsWith(part))
    .map((id) => {
      const slash = id.indexOf('/', part.length)
      return slash < 0 ? id : id.slice(0, slash + 1)
    })
  return [...new Set(cut)]
}

/** An option's name and a directory ask for more; anything else is a whole word. */
function ended(hit: string): string {
  return /[=/]$/.test(hit) ? hit : `${hit} `
}

async function forParameter(
  parameter: Parameter,
  part: string,
  session: Session,
  words: Record<string, string>,
  used: readonly string[],
): Promise<string[]> {
  const found = await candidates(parameter, session, words)
  const open = found.filter((each) => !used.some((word) => each.endsWith('=') && word.startsWith(each)))
  return parameter.kind === 'agent' ? levels(open, part) : open.filter((each) => each.startsWith(part))
}

async function forArguments(
  command: Command,
  before: readonly string[],
  part: string,
  session: Session,
): Promise<string[]> {
  if (part.startsWith('--')) {
    const flags = command.changes === true ? ['--dry-run', '--json'] : ['--json']
    return flags.filter((flag) => flag.startsWith(part) && !before.includes(flag))
  }
  const given = before.filter((word) => !word.startsWith('--'))
  const words: Record<string, string> = {}
  for (const [index, parameter] of command.parameters.entries()) {
    const at = given[index]
    if (parameter.kind === 'text' && command.name === 'plan') {
      const inner = await complete([...given.slice(index), part].join(' '), session, (each) => each.changes === true)
      return [...inner.hits].map((hit) => hit.trimEnd())
    }
    if (at === undefined || parameter.kind === 'options')
      return forParameter(parameter, part, session, words, given.slice(index))
    words[parameter.name] = at
  }
  return []
}

/** What may stand at the end of a line. `allowed` narrows the verbs. */
export async function complete(
  line: string,
  session: Session,
  allowed: (command: Command) => boolean = () => true,
): Promise<Completion> {
  const words = line.trimStart().split(/\s+/)
  const part = words.pop() ?? ''
  const [verb, ...before] = words
  const commands = session.commands.filter(allowed)
  if (verb === undefined) {
    const names = commands.map((command) => command.name)
    return { hits: names.filter((name) => name.startsWith(part)).map(ended), part }
  }
  const command = commands.find((each) => each.name === verb)
  if (command === undefined) return { hits: [], part }
  return { hits: (await forArguments(command, before, part, session)).map(ended), part }
}
