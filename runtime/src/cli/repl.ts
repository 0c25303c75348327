import { createInterface, type Interface } from 'node:readline'
import { banner } from './banner.js'
import { complete } from './completion.js'
import { execute } from './execute.js'
import type { HistoryFile } from './history-file.js'
import type { Output } from './output.js'
import { showProgress } from './progress.js'
import { isSilent } from './read-line.js'
import type { Session } from './session.js'
import { isUnfinished } from './unfinished.js'

/** The streams of a terminal, or what stands for one. */
export interface Terminal {
  readonly input: NodeJS.ReadableStream
  readonly output: NodeJS.WritableStream
  readonly history?: HistoryFile
}

/** Commands typed on a terminal: one at a time, in order, however fast they come. */
class Repl {
  readonly #session: Session
  readonly #output: Output
  readonly #terminal: Terminal
  readonly #readline: Interface
  readonly #prompt: string
  /** Lines that wait for the one that runs. */
  readonly #lines: string[] = []
  /** Lines of a command that goes on. */
  #begun: string[] = []
  #running: string | undefined
  #closed = false
  readonly ended: Promise<void>
  #end = () => {}

  constructor(session: Session, output: Output, terminal: Terminal, name: string, history: string[]) {
    this.#session = session
    this.#output = output
    this.#terminal = terminal
    this.#prompt = `${name}> `
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
    this.#readline = createInterface({
      input: terminal.input,
      output: terminal.output,
      terminal: true,
      history,
      historySize: 1000,
      removeHistoryDuplicates: true,
      completer: (line: string, done: (error: Error | null, result: [string[], string]) => void) => {
        complete(line, session).then(
          ({ hits, part }) => done(null, [[...hits], part]),
          // A key that offers nothing is better than one that ends the session.
          () => done(null, [[], line]),
        )
      },
    })
    this.#readline.on('line', (line) => this.#take(line))
    this.#readline.on('SIGINT', () => this.#cancel())
    this.#readline.on('close', () => this.#close())
  }

  #take(line: string): void {
    const running = this.#session.commands.find((command) => command.name === this.#running)
    if (running?.endsOnEnter === true && line.trim() === '') {
      this.#session.interrupt()
      return
    }
    this.#lines.push(line)
    if (this.#running === undefined) void this.#work()
  }

  /** Ctrl-C: ends what runs, or else throws away what was typed. */
  #cancel(): void {
    if (this.#running !== undefined) {
      this.#lines.length = 0
      this.#session.interrupt()
      return
    }
    const typed = this.#readline.line !== '' || this.#begun.length > 0
    this.#begun = []
    this.#readline.write(null, { ctrl: true, name: 'e' })
    this.#readline.write(null, { ctrl: true, name: 'u' })
    this.#terminal.output.write(typed ? '^C\n' : '\n(Ctrl-D or exit leaves)\n')
    this.ask()
  }

  #close(): void {
    this.#closed = true
    if (this.#running === undefined) this.#end()
  }

  close(): void {
    this.#readline.close()
  }

  ask(): void {
    this.#readline.setPrompt(this.#begun.length > 0 ? '... ' : this.#prompt)
    this.#readline.prompt()
  }

  /** Carries out the lines that wait. */
  async #work(): Promise<void> {
    this.#running = ''
    for (let line = this.#lines.shift(); line !== undefined && !this.#session.ended; line = this.#lines.shift()) {
      const isOver = this.#begun.length > 0 && line.trim() === ''
      this.#begun.push(line)
      const whole = this.#begun.join('\n').trimEnd()
      if (isUnfinished(whole) && !isOver && !this.#closed) continue
      this.#begun = []
      if (!isSilent(whole)) await this.#run(whole)
    }
    this.#running = undefined
    if (this.#session.ended) this.#readline.close()
    if (this.#closed) this.#end()
    else this.ask()
  }

  async #run(line: string): Promise<void> {
    this.#running = /^\s*(\S+)/.exec(line)?.[1] ?? ''
    const command = this.#session.commands.find((each) => each.name === this.#running)
    this.#terminal.history?.add(line)
    if (command?.endsOnEnter === true) this.#output.note('(Enter ends it)')
    const over = command?.stopsItself === true ? () => {} : showProgress(this.#session, this.#terminal.output)
    const outcome = await execute(line, this.#session)
    over()
    this.#output.result(outcome)
  }
}

/** The REPL on a terminal, until `exit`, Ctrl-D, or the session's end. */
export async function interact(session: Session, output: Output, terminal: Terminal): Promise<void> {
  const { name } = await session.controller.latt()
  output.note(await banner(session))
  const repl = new Repl(session, output, terminal, name, (await terminal.history?.load()) ?? [])
  session.onEnd = () => repl.close()
  repl.ask()
  await repl.ended
  await terminal.history?.close()
}
