import { type Box, type Client, connect } from '@ovid/runtime'
import type { RemoteWriter } from './gateway.js'
import type { Ledger } from './ledger.js'
import type { Resources } from './resources.js'
import { Writer, type WriterOptions, type WriterReport } from './writer.js'

const REMOTE = ['WriterA', 'WriterB', 'WriterC', 'WriterD']
const LOCAL = ['WriterE', 'WriterF', 'WriterG', 'WriterH']
const WIDTH = 4

/** The storm's writers: half are clients on the main thread, half are gateways on worker threads. */
export class Writers {
  readonly #remote: ReadonlyMap<string, RemoteWriter>
  readonly #local: readonly Writer[]
  readonly #options: Omit<WriterOptions, 'name' | 'width'>

  private constructor(client: Client, local: readonly Writer[], options: Omit<WriterOptions, 'name' | 'width'>) {
    const remote = (name: string) => client.agent(name, { timeoutMs: 60_000 }) as unknown as RemoteWriter
    this.#remote = new Map(REMOTE.map((name) => [name, remote(name)]))
    this.#local = local
    this.#options = options
  }

  static async of(box: Box, client: Client, options: Omit<WriterOptions, 'name' | 'width'>): Promise<Writers> {
    const local: Writer[] = []
    for (const [index, name] of LOCAL.entries()) {
      const own = await connect(box)
      const way = {
        ledger: own.agent<Ledger>('Ledger'),
        tell: (type: string, body: unknown) => own.tell('Ledger', type, body),
      }
      local.push(new Writer(way, { ...options, seed: options.seed + REMOTE.length + index, name, width: WIDTH }))
    }
    return new Writers(client, local, options)
  }

  async start(): Promise<void> {
    const { seed } = this.#options
    await Promise.all(
      [...this.#remote].map(([name, writer], index) =>
        writer.start({ ...this.#options, seed: seed + index, name, width: WIDTH }),
      ),
    )
    for (const writer of this.#local) writer.start()
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#remote.values(), ...this.#local].map((writer) => writer.stop()))
  }

  async reports(): Promise<WriterReport[]> {
    const remote = await Promise.all([...this.#remote.values()].map((writer) => writer.report()))
    return [...remote, ...this.#local.map((writer) => writer.report)]
  }

  /** What each worker thread with a writer holds. */
  async resources(): Promise<(readonly [string, Resources])[]> {
    const found: (readonly [string, Resources])[] = []
    for (const [name, writer] of this.#remote) found.push([`thread of ${name}`, await writer.resources()])
    return found
  }
}
