import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const ovid = fileURLToPath(new URL('../runtime/bin/ovid.js', import.meta.url))

/** The root of the repository: paths in commands are relative to it. */
export const root = fileURLToPath(new URL('..', import.meta.url))

interface Ended {
  /** Exit code, or the signal that ended it. */
  readonly code: number | NodeJS.Signals | null
  readonly output: string
  readonly errors: string
}

/** The `ovid` command as a process of its own. */
export class OvidProcess {
  readonly process: ChildProcessWithoutNullStreams
  readonly ended: Promise<Ended>
  #output = ''
  #errors = ''
  #look = () => {}

  constructor(args: readonly string[], options: { cwd?: string; env?: Record<string, string> } = {}) {
    const env = { ...process.env, OVID_RESP_PORT: '0', OVID_DEBUG: '', NODE_ENV: '', ...options.env }
    this.process = spawn(process.execPath, [ovid, ...args], { cwd: options.cwd ?? root, env })
    this.process.stdout.on('data', (chunk) => {
      this.#output += String(chunk)
      this.#look()
    })
    this.process.stderr.on('data', (chunk) => {
      this.#errors += String(chunk)
    })
    // It may end before it has read all it was given.
    this.process.stdin.on('error', () => {})
    this.ended = new Promise((resolve) => {
      this.process.on('close', (code, signal) =>
        resolve({ code: code ?? signal, output: this.#output, errors: this.#errors }),
      )
    })
  }

  /** Resolves once the output has `text`; rejects if the process ends without. */
  async shows(text: string): Promise<void> {
    const found = new Promise<void>((resolve) => {
      this.#look = () => {
        if (this.#output.includes(text)) resolve()
      }
      this.#look()
    })
    const over = this.ended.then(({ output, errors }) => {
      if (!output.includes(text)) throw new Error(`it ended without showing ${text}:\n${output}\n${errors}`)
    })
    await Promise.race([found, over])
  }
}

/** Runs `ovid` with lines on its standard input until it ends. */
export function runOvid(
  args: readonly string[],
  lines: readonly string[] = [],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<Ended> {
  const started = new OvidProcess(args, options)
  started.process.stdin.end(lines.map((line) => `${line}\n`).join(''))
  return started.ended
}
