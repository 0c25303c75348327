import { type Box, type Client, connect, lattTree, printTree, startBox } from '@ovid/runtime'
import { Redis } from 'ioredis'
import type { kvs } from '../kvs.js'
import type { kvs as secondKvs } from '../kvs-v2.js'
import { type Count, nothingWrong, sum } from './count.js'
import type { Latency } from './probe.js'
import { Reader } from './reader.js'
import { beside, bold, bytes, faint, green, milliseconds, red, table, thousands } from './screen.js'
import { Words } from './words.js'
import { type Store, Writer } from './writer.js'

type Controller = ReturnType<Box['controller']>
type Change = Parameters<Controller['change']>[0]

/** What every writer and reader does between two changes, so that each change meets all of them at work. */
const OPERATIONS_BETWEEN = 3000
/** Calls a writer or reader has under way: fewer where a call is quick, so that all get a fair share of the thread. */
const REDIS_WIDTH = 32
const CLIENT_WIDTH = 4
const MEASURED_CALLS = 3000

const print = (text = '') => console.log(text)

function printLatency({ same, cross }: { same: Latency; cross: Latency }): void {
  const row = (name: string, { p50, p99, max }: Latency) => [
    name,
    ...[p50, p99, max].map((us) => `${us.toFixed(1)} µs`),
  ]
  print(`\n${bold('A call, one at a time, before the load began')}`)
  print(table([['', 'p50', 'p99', 'max'], row('same thread', same), row('across threads', cross)]))
}

/** Starts the store, loads it, and changes it under way. */
export class Tour {
  readonly #box: Box
  readonly #client: Client
  readonly #controller: Controller
  readonly #port: number
  readonly #words = new Words()
  readonly #connections: Redis[] = []
  readonly #problems: string[]
  #writers: Writer[] = []
  #readers: Reader[] = []

  private constructor(box: Box, client: Client, port: number, problems: string[]) {
    this.#box = box
    this.#client = client
    this.#controller = box.controller(client)
    this.#port = port
    this.#problems = problems
  }

  static async begin(): Promise<Tour> {
    const problems: string[] = []
    const system = new URL('./system.ts', import.meta.url).href
    const box = await startBox({ system, threads: 3, onError: (error) => problems.push(error.message) })
    const client = await connect(box)
    const { port } = (await client.call('Redis', 'address')) as { port: number }
    print(`One box, three worker threads. Redis clients are welcome on 127.0.0.1:${port}.`)
    return new Tour(box, client, port, problems)
  }

  async end(): Promise<void> {
    for (const connection of this.#connections) connection.disconnect()
    await this.#box.stop()
  }

  #connect(): Redis {
    const redis = new Redis({ port: this.#port, host: '127.0.0.1' })
    redis.on('error', (error) => this.#problems.push(`Redis connection: ${error.message}`))
    this.#connections.push(redis)
    return redis
  }

  async load(): Promise<void> {
    const beganMs = performance.now()
    await this.#words.load(this.#connect())
    const tookMs = performance.now() - beganMs
    const rate = Math.round(this.#words.count / (tookMs / 1000))
    print(`${thousands(this.#words.count)} words loaded in ${milliseconds(tookMs)}, ${thousands(rate)} a second.`)
  }

  /** Latency of a call from the store's own thread, and from another. */
  async measure(): Promise<{ same: Latency; cross: Latency }> {
    const message = { key: this.#words.keyOf(0), count: MEASURED_CALLS }
    const from = (name: string) => this.#client.call(name, 'measure', message) as Promise<Latency>
    return { same: await from('Near'), cross: await from('Far') }
  }

  /** Readers and writers begin, through Redis's protocol and through the client API. */
  async startLoad(): Promise<void> {
    const direct = async (): Promise<Store> => {
      const store = (await connect(this.#box)).agent<typeof kvs>('KVS')
      return {
        append: (key, value) => store.append({ key, value }),
        get: async (key) => ((await store.get({ key })) as string | null) ?? null,
      }
    }
    this.#writers = [
      new Writer('redis-writer-1', this.#connect(), REDIS_WIDTH),
      new Writer('redis-writer-2', this.#connect(), REDIS_WIDTH),
      new Writer('client-writer-1', await direct(), CLIENT_WIDTH),
      new Writer('client-writer-2', await direct(), CLIENT_WIDTH),
    ]
    this.#readers = [
      new Reader('redis-reader', this.#connect(), this.#words, REDIS_WIDTH),
      new Reader('client-reader', await direct(), this.#words, CLIENT_WIDTH),
    ]
    for (const each of [...this.#writers, ...this.#readers]) each.start()
    await this.#everybodyWorks()
  }

  /** Comes back when every writer and reader has done its share since. */
  async #everybodyWorks(): Promise<void> {
    const goals = [...this.#writers, ...this.#readers].map((each) => ({
      each,
      goal: each.operations + OPERATIONS_BETWEEN,
    }))
    while (goals.some(({ each, goal }) => each.problems.length === 0 && each.operations < goal)) {
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async #tree(): Promise<string> {
    const { name, latt } = await this.#controller.latt()
    const places = new Map((await this.#controller.agents()).map(({ id, place }) => [id, place]))
    const shown = { ...latt, children: latt.children.filter(({ id }) => id === 'KVS') }
    return printTree(lattTree(shown, name, ({ id }) => places.get(id) ?? ''))
  }

  async change(title: string, change: Change): Promise<void> {
    const before = await this.#tree()
    const result = await this.#controller.change(change)
    const after = await this.#tree()
    print(`\n${bold(title)}`)
    print(beside(before, after, ['before', 'after']))
    const { pauseMs = 0, tookMs = 0, movedBytes = 0 } = result ?? {}
    print(`  pause ${milliseconds(pauseMs)}, moved ${bytes(movedBytes)}, took ${milliseconds(tookMs)}`)
    await this.#everybodyWorks()
  }

  async upgrade(title: string): Promise<void> {
    const code = await this.#box.loadUpgrade(new URL('../kvs-v2.ts', import.meta.url).href)
    await this.change(title, { verb: 'upgrade', id: 'KVS', ...code })
    const key = this.#words.keyOf(0)
    const known = await this.#client.agent<typeof secondKvs>('KVS').describe({ key })
    print(`  describe ${key}: ${JSON.stringify(known)}`)
    if (known?.revision !== 1 || known.updatedAtMs !== null) this.#problems.push(`${key} was not migrated`)
  }

  /** Ends the load and counts. Says what is wrong, in words. */
  async conclude(latency: {
    same: Latency
    cross: Latency
  }): Promise<Count & { operations: number; problems: string[] }> {
    await Promise.all([...this.#writers, ...this.#readers].map((each) => each.stop()))
    const rows = [['', 'operations', 'lost', 'doubled', 'reordered']]
    let total = nothingWrong
    const add = (name: string, operations: number, count: Count) => {
      total = sum(total, count)
      rows.push([name, thousands(operations), String(count.lost), String(count.doubled), String(count.reordered)])
    }
    for (const writer of this.#writers) add(writer.name, writer.operations, await writer.count())
    // A word that is not what was stored has been lost.
    for (const reader of this.#readers) {
      add(reader.name, reader.operations, { ...nothingWrong, lost: reader.problems.length })
    }
    const verified = await this.#words.verified(this.#connections[0] as Redis)
    add('words verified', verified, { ...nothingWrong, lost: this.#words.count - verified })
    print(`\n${bold('What became of it all')}\n${table(rows)}`)
    print(`  all ${this.#words.count} words read back: ${this.#words.count - verified} missing or wrong`)
    printLatency(latency)
    const faults = await this.#controller.faults()
    this.#problems.push(...[...this.#writers, ...this.#readers].flatMap(({ problems }) => problems))
    this.#problems.push(...faults.map(({ id, message }) => `${id}: ${message}`))
    const operations = [...this.#writers, ...this.#readers].reduce((all, each) => all + each.operations, 0) + verified
    return { ...total, operations, problems: this.#problems }
  }

  static verdict(problems: readonly string[]): void {
    print()
    for (const problem of problems) print(red(`  ${problem}`))
    if (problems.length === 0) print(green('  Nobody noticed anything.'))
    print(faint('  npm start opens the same store with a REPL.'))
  }
}
