import { failureText, type Outcome, outcomeJson } from './execute.js'

/** Where the results of commands go. */
export interface Output {
  /** Whether a result is one JSON object on one line. */
  readonly json: boolean
  /** Shows a line that is no result; nothing with `json`. */
  note(line: string): void
  result(outcome: Outcome): void
}

/** Output on a stream; failures go to it as well, so that they stand where they happened. */
export function outputOn(stream: NodeJS.WritableStream, json: boolean): Output {
  return {
    json,
    note: (line) => {
      if (!json) stream.write(`${line}\n`)
    },
    result: (outcome) => {
      if (json || outcome.json) stream.write(`${outcomeJson(outcome)}\n`)
      else if (!outcome.ok) stream.write(`${failureText(outcome.error)}\n`)
      else if (outcome.text !== '') stream.write(`${outcome.text}\n`)
    },
  }
}

/** Waits until all that was written has left the process: a pipe may be slower than the program. */
export function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || !stream.writable) resolve()
    else stream.write('', () => resolve())
  })
}
