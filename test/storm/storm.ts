import { fileURLToPath } from 'node:url'
import { type Box, type Client, connect, OvidError, startBox } from '@ovid/runtime'
import { type Audit, audit } from './audit.js'
import { chanceOf } from './chance.js'
import { type ChangeResult, Changes, describeStep, type Step } from './changes.js'
import { Footprint, growth } from './footprint.js'
import type { Clerk, Ledger } from './ledger.js'
import { Writers } from './writers.js'

export interface StormOptions {
  /** Reconfigurations to do. */
  readonly count: number
  readonly seed: number
  /** Told how far it is, now and then. */
  readonly onProgress?: (done: number, operations: number) => void
  /** Told of every change before it is asked for. */
  readonly onStep?: (number: number, step: string) => void
}

export interface StormResult extends Audit {
  readonly reconfigurations: number
  /** By kind of change, how many there were. */
  readonly kinds: ReadonlyMap<string, number>
  /** Pause of every change, ms, in ascending order. */
  readonly pausesMs: readonly number[]
  /** What the system held before and after, in words. */
  readonly footprint: readonly string[]
}

const THREADS = 3
const WORKERS = ['main/1', 'main/2', 'main/3']
const KEYS = Array.from({ length: 48 }, (_, index) => `key-${index}`)
/** Changes before the first measurement, so that code is compiled and caches are full. */
const WARM_UP = 100
const PROGRESS_EVERY = 100

class Storm {
  readonly #options: StormOptions
  readonly #box: Box
  readonly #client: Client
  readonly #writers: Writers
  readonly #changes: Changes
  readonly #pausesMs: number[] = []
  readonly #kinds = new Map<string, number>()
  readonly #problems: string[] = []
  #done = 0

  constructor(options: StormOptions, box: Box, client: Client, writers: Writers) {
    this.#options = options
    this.#box = box
    this.#client = client
    this.#writers = writers
    this.#changes = new Changes(box, client, chanceOf(options.seed), WORKERS)
  }

  async run(): Promise<StormResult> {
    const { count } = this.#options
    const warmUp = Math.min(WARM_UP, Math.floor(count / 4))
    await this.#blow(warmUp)
    const before = await this.#rest()
    await this.#blow(count)
    const after = await this.#rest()
    const found = await audit(this.#client, KEYS, await this.#writers.reports())
    const { lines, problems } = growth(before, after, count - warmUp)
    return {
      ...found,
      problems: [...this.#problems, ...found.problems, ...(await this.#faults()), ...problems],
      reconfigurations: this.#done,
      kinds: this.#kinds,
      pausesMs: this.#pausesMs.sort((a, b) => a - b),
      footprint: lines,
    }
  }

  /** Changes the system under load until there were `until` changes. */
  async #blow(until: number): Promise<void> {
    await this.#writers.start()
    while (this.#done < until && this.#problems.length === 0) {
      await this.#step(await this.#changes.next())
      if (this.#done % PROGRESS_EVERY === 0) await this.#progress()
    }
    await this.#writers.stop()
  }

  async #progress(): Promise<void> {
    const reports = await this.#writers.reports()
    this.#problems.push(...reports.flatMap(({ problems }) => problems))
    this.#options.onProgress?.(
      this.#done,
      reports.reduce((sum, report) => sum + report.operations, 0),
    )
  }

  async #step(step: Step): Promise<void> {
    const controller = this.#box.controller(this.#client)
    this.#options.onStep?.(this.#done + 1, describeStep(step))
    try {
      const result = (step.verb === 'undo' ? await controller.undo({}) : await controller.change(step)) as ChangeResult
      this.#pausesMs.push(result.pauseMs)
      this.#kinds.set(step.verb, (this.#kinds.get(step.verb) ?? 0) + 1)
      this.#done++
    } catch (error) {
      // An upgrade cannot be taken back; that is no fault of the change.
      if (error instanceof OvidError && error.code === 'nothing-to-undo') return
      this.#problems.push(`change ${this.#done + 1}, ${describeStep(step)}: ${String(error)}`)
    }
  }

  /** Leads back to the first layout and measures what the system holds then. */
  async #rest(): Promise<Footprint> {
    const controller = this.#box.controller(this.#client)
    const home = new Map([
      ['Ledger', 'main/1'],
      ['Clerk', 'main/2'],
    ])
    for (let requests = await this.#changes.restore(home); requests.length > 0; ) {
      for (const request of requests) await controller.change(request)
      requests = await this.#changes.restore(home)
    }
    await this.#useEveryRoute()
    return Footprint.of(this.#box, this.#client, this.#writers)
  }

  /** Which routes are known depends on who has spoken since the last change: afterwards all have. */
  async #useEveryRoute(): Promise<void> {
    await this.#writers.stop()
    const [key = ''] = KEYS
    await this.#client.agent<Ledger>('Ledger').stamp({ key, writer: 'storm', number: 1 })
    await this.#client.agent<Clerk>('Clerk').row({ key })
  }

  async #faults(): Promise<string[]> {
    const faults = await this.#box.controller(this.#client).faults()
    return faults.map(({ id, place, code, message }) => `fault of ${id} on ${place}: ${code}: ${message}`)
  }
}

/** Changes a running system again and again under load, and counts what was lost, doubled and reordered. */
export async function storm(options: StormOptions): Promise<StormResult> {
  const errors: string[] = []
  const box = await startBox({
    system: fileURLToPath(new URL('./system.ts', import.meta.url)),
    threads: THREADS,
    onError: (error) => errors.push(`box: ${error.message}`),
  })
  try {
    const client = await connect(box)
    const writers = await Writers.of(box, client, { seed: options.seed, keys: KEYS })
    const result = await new Storm(options, box, client, writers).run()
    return { ...result, problems: [...errors, ...result.problems] }
  } finally {
    await box.stop()
  }
}
