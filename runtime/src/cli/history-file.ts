import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

/** Lines that Arrow-Up reaches. */
const MOST_LINES = 1000

/** `$XDG_STATE_HOME/ovid/history` where that is set, otherwise `~/.ovid_history`. */
function historyPath(): string {
  const { XDG_STATE_HOME } = process.env
  return XDG_STATE_HOME ? join(XDG_STATE_HOME, 'ovid', 'history') : join(homedir(), '.ovid_history')
}

/** The lines typed in this run and those before. A file that cannot be read or written is no reason to stop. */
export class HistoryFile {
  readonly #path: string
  #writing: Promise<unknown> = Promise.resolve()

  constructor(path = historyPath()) {
    this.#path = path
  }

  /** Newest first, as readline wants them. */
  async load(): Promise<string[]> {
    const text = await readFile(this.#path, 'utf8').catch(() => '')
    const lines = text.split('\n').filter((line) => line !== '')
    const kept = lines.slice(-MOST_LINES)
    if (lines.length > 2 * MOST_LINES) this.#then(() => writeFile(this.#path, `${kept.join('\n')}\n`, { mode: 0o600 }))
    return kept.reverse()
  }

  /** Several sessions may write at once: each only adds lines. */
  add(line: string): void {
    this.#then(() => appendFile(this.#path, `${line.replaceAll('\n', ' ')}\n`, { mode: 0o600 }))
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    await this.#writing
  }

  #then(write: () => Promise<unknown>): void {
    this.#writing = this.#writing
      .then(() => mkdir(dirname(this.#path), { recursive: true }))
      .then(write)
      .catch(() => {})
  }
}
