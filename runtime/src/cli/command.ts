import type { Session } from './session.js'

/**
 * What a parameter stands for. It decides how the line is read, what Tab offers, and what an error message lists
 * when the parameter is missing.
 */
export type ParameterKind =
  | 'agent'
  | 'message'
  | 'plugin'
  | 'place'
  | 'module'
  | 'choice'
  | 'count'
  | 'verb'
  /** `key=value` words. */
  | 'options'
  /** The rest of the line is one JSON value. */
  | 'json'
  /** The rest of the line as it stands. */
  | 'text'

export interface Parameter {
  /** As it stands in the usage line. */
  readonly name: string
  readonly kind: ParameterKind
  readonly optional?: boolean
  /** What a `choice` chooses from. */
  readonly choices?: readonly string[]
  /** Options a command itself takes, with what each means. Absent on `options`: they are a plug-in's. */
  readonly options?: Readonly<Record<string, string>>
}

/** A line as read by a command's parameters. */
export interface Given {
  /** Words by the name of their parameter; for `json` and `text` the rest of the line. */
  readonly words: Readonly<Record<string, string>>
  /** `key=value` pairs; values are JSON where they can be read as such, otherwise text. */
  readonly options: Readonly<Record<string, unknown>>
  readonly dryRun: boolean
}

/** What a command answers: data for `--json`, and the same for people. */
export interface Answer {
  readonly data: unknown
  readonly text: string
}

/** One verb of the REPL. Help, completion, scripts and the docs page are all made from this. */
export interface Command {
  readonly name: string
  readonly summary: string
  /** More than the summary says, one line each. */
  readonly details?: readonly string[]
  readonly examples?: readonly string[]
  readonly parameters: readonly Parameter[]
  /** Whether it changes the system, and so takes `--dry-run`. */
  readonly changes?: boolean
  /** Whether it ends by itself when the session's signal is aborted, and has something to answer then. */
  readonly stopsItself?: boolean
  /** Whether Enter interrupts it on a terminal, as Ctrl-C does. */
  readonly endsOnEnter?: boolean
  readonly run: (session: Session, given: Given) => Promise<Answer>
}

function parameterUsage({ name, kind, optional, options, choices }: Parameter): string {
  if (kind === 'options' && options !== undefined) {
    return Object.keys(options)
      .map((option) => `[${option}=N]`)
      .join(' ')
  }
  const text = kind === 'options' ? 'key=value …' : (choices?.join('|') ?? name)
  return optional === true ? `[${text}]` : text
}

/** `transform ID PLUGIN [key=value …] [--dry-run]` */
export function usage(command: Command): string {
  const words = [command.name, ...command.parameters.map(parameterUsage)]
  if (command.changes === true) words.push('[--dry-run]')
  return words.join(' ')
}

/** The word a parameter was given. Only for those that are not optional, or known to be given. */
export function word(given: Given, name: string): string {
  return given.words[name] ?? ''
}
