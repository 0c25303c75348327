import { failureOf, failureText } from './execute.js'
import type { Session } from './session.js'

const numbers = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const
type Signal = keyof typeof numbers

/**
 * Watches over the process of a session. Ends the session when the process is told to end, so that its box is stopped cleanly. Before there is a session, and
 * when the box is being stopped already, the process ends at once. What is thrown outside of any command (a timer that `js`
 * set) ends the session as well, unless somebody is there to decide.
 */
export class Termination {
  #session: Session | undefined
  #signal: Signal | undefined
  #failed = false
  #stopping = false

  constructor() {
    for (const signal of Object.keys(numbers) as Signal[]) process.on(signal, () => this.#end(signal))
    process.on('uncaughtException', (error) => this.#uncaught(error))
    // Whoever reads the output has gone (`| head`): there is nobody to tell.
    process.stdout.on('error', () => this.#fail())
  }

  /** Whom to end from now on. */
  ends(session: Session): void {
    this.#session = session
  }

  /** From now on whoever asks again does not want to wait, and what was under way may fail. */
  isStopping(): void {
    this.#session = undefined
    this.#stopping = true
  }

  /** The exit code of a process that a signal ended, or else the one given. */
  exitCode(otherwise: number): number {
    if (this.#signal !== undefined) return 128 + numbers[this.#signal]
    return this.#failed ? 1 : otherwise
  }

  #uncaught(error: unknown): void {
    if (this.#stopping) return
    process.stderr.write(`${failureText(failureOf(error))}\n`)
    if (this.#session?.attended !== true) this.#fail()
  }

  #fail(): void {
    this.#failed = true
    if (this.#stopping) return
    if (this.#session === undefined) process.exit(1)
    this.#session.end()
  }

  #end(signal: Signal): void {
    this.#signal = signal
    if (this.#session === undefined) process.exit(128 + numbers[signal])
    this.#session.end()
  }
}
