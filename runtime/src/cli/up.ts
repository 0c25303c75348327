import { existsSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Box, startBox } from '../edge/box/box.js'
import { OvidError } from '../message/errors.js'
import { commands } from './commands/table.js'
import { execute, failureOf } from './execute.js'
import { flushed, type Output, outputOn } from './output.js'
import { runLines } from './script.js'
import { Session } from './session.js'
import { listed } from './words.js'

/** What every command that starts a system takes. */
export interface StartOptions {
  readonly name?: string
  readonly threads?: number
  readonly json?: boolean
}

export interface UpOptions extends StartOptions {
  /** A file of commands; `-` is standard input. */
  readonly script?: string
}

const usualNames = ['system.ts', 'system.js', 'system.mts', 'system.mjs']

/**
 * The module of a system: the file given, or the usual one in the directory given or the current one.
 *
 * @throws OvidError `code-not-found`
 */
export function findSystem(path: string | undefined): string {
  const directory = path ?? '.'
  if (path !== undefined && existsSync(path) && !statSync(path).isDirectory()) return path
  const found = usualNames.map((name) => join(directory, name)).find((file) => existsSync(file))
  if (found !== undefined) return found
  if (path !== undefined && !existsSync(path))
    throw new OvidError(
      'code-not-found',
      `there is no file ${path}; give the module of a system, such as examples/kvs/system.ts`,
    )
  throw new OvidError(
    'code-not-found',
    `there is no ${listed(usualNames)} in ${path ?? 'this directory'}; give the module of a system: ovid up SYSTEM`,
  )
}

/** Lines of a file or of standard input. */
async function* scriptLines(script: string): AsyncGenerator<string> {
  const file = script === '-' ? undefined : await openScript(script)
  const input = file === undefined ? process.stdin : file.createReadStream({ encoding: 'utf8' })
  try {
    yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })
  } finally {
    await file?.close()
  }
}

async function openScript(path: string) {
  try {
    return await open(path)
  } catch (error) {
    throw new OvidError(
      'command-invalid',
      `the script ${path} cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}; give a file of commands, or - for standard input`,
    )
  }
}

/** Ends what runs when the process is told to: the system is stopped cleanly, then the process ends. */
class Termination {
  readonly #controller = new AbortController()
  #signal: NodeJS.Signals | undefined

  readonly #onSignal = (signal: NodeJS.Signals) => {
    this.#signal = signal
    this.#controller.abort()
  }

  constructor() {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, this.#onSignal)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Exit code of a process that a signal ended, or the one given. */
  exitCode(otherwise: number): number {
    const numbers = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 }
    return this.#signal === undefined ? otherwise : 128 + (numbers[this.#signal as keyof typeof numbers] ?? 0)
  }
}

/** Starts a system, does something with it, and stops it in every case. */
async function withSystem(
  path: string | undefined,
  options: StartOptions,
  output: Output,
  use: (session: Session, termination: Termination) => Promise<number>,
): Promise<number> {
  const termination = new Termination()
  let box: Box | undefined
  let code: number
  try {
    const { name, threads } = options
    box = await startBox({
      system: findSystem(path),
      ...(name !== undefined && { name }),
      ...(threads !== undefined && { threads }),
      onError: (error) => process.stderr.write(`ovid: ${error.message}\n`),
    })
    const session = new Session(box, await box.connect(), commands, { say: output.note })
    session.signal = termination.signal
    code = await use(session, termination)
  } catch (error) {
    output.result({ command: 'up', json: false, ok: false, error: failureOf(error) })
    code = 1
  }
  await box?.stop()
  await flushed(process.stdout)
  return termination.exitCode(code)
}

/** `ovid up`: starts a box with a system, and carries out commands until they end. */
export function up(path: string | undefined, options: UpOptions): Promise<number> {
  const output = outputOn(process.stdout, options.json ?? false)
  return withSystem(path, options, output, async (session) => {
    const { ok } = await runLines(scriptLines(options.script ?? '-'), session, output, true)
    return ok ? 0 : 1
  })
}

/** `ovid plan`: starts a system, shows what a change of it would do, and stops it. */
export function planOnce(path: string, change: string, options: StartOptions): Promise<number> {
  const output = outputOn(process.stdout, options.json ?? false)
  return withSystem(path, options, output, async (session) => {
    const outcome = await execute(`plan ${change}`, session)
    output.result(outcome)
    return outcome.ok ? 0 : 1
  })
}
