import { OvidError } from '../message/errors.js'
import { hintFor } from './hints.js'
import { readLine } from './read-line.js'
import type { Session } from './session.js'
import { jsonValue } from './values.js'
import { shortened } from './words.js'

/** What came of one line. */
export type Outcome = { readonly command: string; readonly json: boolean } & (
  | { readonly ok: true; readonly data: unknown; readonly text: string }
  | { readonly ok: false; readonly error: Failure }
)

export interface Failure {
  readonly code: string
  readonly message: string
  /** What may be done about it. */
  readonly hint: string | undefined
  readonly stack: string | undefined
}

/** An error in the form it is shown in. What is no OvidError was not foreseen. */
export function failureOf(error: unknown): Failure {
  const stack = error instanceof Error ? error.stack : undefined
  if (error instanceof OvidError) return { code: error.code, message: error.message, hint: hintFor(error.code), stack }
  const message = error instanceof Error ? error.message : String(error)
  return { code: 'internal-error', message, hint: 'OVID_DEBUG=1 shows where', stack }
}

/** `error CODE: …`; where it comes from only on request. */
export function failureText({ code, message, hint, stack }: Failure): string {
  const where = process.env.OVID_DEBUG === '1' && stack !== undefined ? `\n${stack}` : ''
  return `error ${code}: ${message}${hint === undefined ? '' : ` (${hint})`}${where}`
}

/** One line of `--json` output. */
export function outcomeJson(outcome: Outcome): string {
  const command = shortened(outcome.command, 200)
  if (outcome.ok) return JSON.stringify({ command, ok: true, result: jsonValue(outcome.data) })
  const { code, message, hint } = outcome.error
  return JSON.stringify({ command, ok: false, error: { code, message, hint } })
}

/** Rejects when the command is interrupted: what it waits for may never come. */
function interruption(signal: AbortSignal): Promise<never> {
  return new Promise<never>((_, reject) => {
    const abort = () =>
      reject(
        new OvidError('interrupted', 'the command was interrupted; whether what it asked for takes effect is unknown'),
      )
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
  })
}

/** Carries out one line. Never throws: what goes wrong is the outcome. */
export async function execute(line: string, session: Session): Promise<Outcome> {
  const command = line.trim()
  let json = false
  session.begin()
  try {
    const reading = await readLine(command, session)
    json = reading.json
    const running = reading.command.run(session, reading.given)
    const answer = await (reading.command.stopsItself === true
      ? running
      : Promise.race([running, interruption(session.signal)]))
    return { command, json, ok: true, data: answer.data, text: answer.text }
  } catch (error) {
    return { command, json, ok: false, error: failureOf(error) }
  }
}
