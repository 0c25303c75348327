import { OvidError } from '../message/errors.js'
import { candidates } from './candidates.js'
import { type Command, type Given, type Parameter, usage } from './command.js'
import type { Session } from './session.js'
import { didYouMean, LineReader, listed, shortened } from './words.js'

/** A line that was understood. */
export interface Reading {
  readonly command: Command
  readonly given: Given
  /** `--json` at the end of the line. */
  readonly json: boolean
}

/** Whether a line says nothing: blank, or a comment. */
export function isSilent(line: string): boolean {
  return /^\s*(#|$)/.test(line)
}

function optionValue(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function findCommand(name: string, commands: readonly Command[]): Command {
  const found = commands.find((command) => command.name === name)
  if (found !== undefined) return found
  const names = commands.map((command) => command.name)
  throw new OvidError(
    'unknown-command',
    `there is no command ${JSON.stringify(shortened(name))}.${didYouMean(name, names)} help lists the commands`,
  )
}

class ArgumentReader {
  readonly words: Record<string, string> = {}
  readonly options: Record<string, unknown> = {}
  dryRun = false
  readonly #command: Command
  readonly #line: LineReader

  constructor(command: Command, line: LineReader) {
    this.#command = command
    this.#line = line
  }

  #fail(what: string): never {
    throw new OvidError('command-invalid', `${this.#command.name}: ${what}. Usage: ${usage(this.#command)}`)
  }

  /** The next word that is no flag. */
  #word(): string | undefined {
    for (;;) {
      const found = this.#line.word()
      if (found === undefined || !found.startsWith('--')) return found
      if (found === '--dry-run' && this.#command.changes === true) this.dryRun = true
      else
        this.#fail(
          `there is no flag ${shortened(found)}${this.#command.changes === true ? '; there is --dry-run' : ''}`,
        )
    }
  }

  #option(text: string, parameter: Parameter): void {
    const equals = text.indexOf('=')
    const names = Object.keys(parameter.options ?? {})
    if (equals <= 0)
      this.#fail(
        `expected ${names.length > 0 ? `${names[0]}=N` : 'key=value'}, found ${JSON.stringify(shortened(text))}`,
      )
    const name = text.slice(0, equals)
    if (parameter.options !== undefined && !Object.hasOwn(parameter.options, name)) {
      this.#fail(`there is no option ${JSON.stringify(shortened(name))}; there is ${listed(names)}`)
    }
    if (Object.hasOwn(this.options, name)) this.#fail(`${shortened(name)} is given twice`)
    this.options[name] = optionValue(text.slice(equals + 1))
  }

  /** Options at the end come off first: what is left of them is JSON. */
  takeTrailing(): void {
    if (this.#command.changes === true && this.#line.takeFlag('dry-run')) this.dryRun = true
    const last = this.#command.parameters.at(-1)
    if (last?.kind !== 'options' || last.options === undefined) return
    for (;;) {
      const found = this.#line.takeOption(Object.keys(last.options))
      if (found === undefined) return
      this.#option(`${found[0]}=${found[1]}`, last)
    }
  }

  async read(parameter: Parameter, session: Session): Promise<void> {
    if (parameter.kind === 'options') {
      for (let text = this.#word(); text !== undefined; text = this.#word()) this.#option(text, parameter)
      return
    }
    const isRest = parameter.kind === 'json' || parameter.kind === 'text'
    const text = isRest ? this.#line.rest() || undefined : this.#word()
    if (text === undefined || text === '') {
      if (parameter.optional === true) return
      const known = await candidates(parameter, session, this.words)
      this.#fail(`${parameter.name} is missing${known.length > 0 ? `: one of ${listed(known, 16)}` : ''}`)
    }
    if (parameter.kind === 'choice' && parameter.choices?.includes(text) !== true) {
      this.#fail(
        `there is no ${parameter.name.toLowerCase()} ${JSON.stringify(shortened(text))}.${didYouMean(text, parameter.choices ?? [])} It is one of ${listed(parameter.choices ?? [], 16)}`,
      )
    }
    if (parameter.kind === 'count' && !/^[1-9]\d{0,8}$/.test(text))
      this.#fail(`${parameter.name} must be a whole number from 1, found ${JSON.stringify(shortened(text))}`)
    this.words[parameter.name] = text
  }

  end(): void {
    const extra = this.#word()
    if (extra !== undefined) this.#fail(`there is no place for ${JSON.stringify(shortened(extra))}`)
  }
}

/**
 * Reads a line by the command table.
 *
 * @throws OvidError `unknown-command`, `command-invalid`
 */
export async function readLine(line: string, session: Session): Promise<Reading> {
  const reader = new LineReader(line)
  const json = reader.takeFlag('json')
  const command = findCommand(reader.word() ?? '', session.commands)
  const given = new ArgumentReader(command, reader)
  given.takeTrailing()
  for (const parameter of command.parameters) await given.read(parameter, session)
  given.end()
  return { command, given, json }
}
