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
import { Termination } from './termination.js'
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

async function openScript(path: string): Promise<NodeJS.ReadableStream> {
  try {
    return (await open(path)).createReadStream({ encoding: 'utf8' })
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error)
    throw new OvidError(
      'command-invalid',
      `the script ${path} cannot be read (${code}); give a file of commands, or - for standard input`,
    )
  }
}

/** Carries out the lines of a stream, until it or the session ends. */
async function runStream(input: NodeJS.ReadableStream, session: Session, output: Output, stopAtFailure: boolean) {
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })
  session.onEnd = () => lines.close()
  return runLines(lines, session, output, stopAtFailure)
}

/** A box whose standard input is empty is meant to run by itself: until the process is told to end. */
async function runUnattended(session: Session, output: Output): Promise<void> {
  output.note('no commands on standard input: running until SIGINT or SIGTERM')
  await new Promise<void>((resolve) => {
    session.onEnd = resolve
    if (session.ended) resolve()
  })
}

/** Starts a system, does something with it, and stops it in every case. */
async function withSystem(
  path: string | undefined,
  options: StartOptions & { attended?: boolean },
  output: Output,
  use: (session: Session) => Promise<number>,
): Promise<number> {
  const termination = new Termination()
  let box: Box | undefined
  let code: number
  try {
    const { name, threads, attended = false } = options
    box = await startBox({
      system: findSystem(path),
      ...(name !== undefined && { name }),
      ...(threads !== undefined && { threads }),
      onError: (error) => process.stderr.write(`ovid: ${error.message}\n`),
    })
    const session = new Session(box, await box.connect(), commands, { say: output.note, attended })
    termination.ends(session)
    code = await use(session)
  } catch (error) {
    output.result({ command: 'up', json: false, ok: false, error: failureOf(error) })
    code = 1
  }
  termination.isStopping()
  await box?.stop()
  await flushed(process.stdout)
  return termination.exitCode(code)
}

/** `ovid up`: starts a box with a system, and carries out commands until they end. */
export async function up(path: string | undefined, options: UpOptions): Promise<number> {
  const output = outputOn(process.stdout, options.json ?? false)
  const { script } = options
  const attended = script === undefined && options.json !== true && process.stdin.isTTY && process.stdout.isTTY
  return withSystem(path, { ...options, attended }, output, async (session) => {
    if (attended) {
      const { interact } = await import('./repl.js')
      const { HistoryFile } = await import('./history-file.js')
      await interact(session, output, { input: process.stdin, output: process.stdout, history: new HistoryFile() })
      return 0
    }
    const input = script === undefined || script === '-' ? process.stdin : await openScript(script)
    const { ok, count } = await runStream(input, session, output, script !== undefined)
    if (script !== undefined) return ok ? 0 : 1
    if (count === 0 && !session.ended) await runUnattended(session, output)
    return 0
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
