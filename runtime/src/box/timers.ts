import TinyQueue from 'tinyqueue'
import type { AskRecord, TimerRecord } from '../agent/image.js'
import type { Cell } from './cell.js'
import type { Host } from './host.js'

interface TimerEntry {
  readonly dueMs: number
  readonly cell: Cell
  readonly key: string
  readonly record: TimerRecord | AskRecord
}

/** Timers of different keys are different timers, so that they can go with their keys. */
export function timerKey(record: { handler: string; id: string; key: string | undefined }): string {
  return `${record.key ?? ''}\u0000${record.handler}\u0000${record.id}`
}

/** Timers and time-outs of a host's agents. Entries that no longer stand are skipped when they come up. */
export class Timers {
  /** Entries that no longer stand, about. */
  cancelled = 0
  readonly #host: Host
  readonly #queue = new TinyQueue<TimerEntry>([], (a, b) => a.dueMs - b.dueMs)

  constructor(host: Host) {
    this.#host = host
  }

  /** When the next one is due, ms. */
  nextAt(): number | undefined {
    return this.#queue.peek()?.dueMs
  }

  addTimer(cell: Cell, record: TimerRecord): void {
    const key = timerKey(record)
    if (cell.timers.has(key)) this.cancelled++
    cell.timers.set(key, record)
    this.#queue.push({ dueMs: record.dueMs, cell, key, record })
    this.#dropIfMany()
  }

  addAsk(cell: Cell, ask: AskRecord): void {
    cell.asks.set(ask.correlation, ask)
    if (ask.dueMs > 0) this.#queue.push({ dueMs: ask.dueMs, cell, key: '', record: ask })
    this.#dropIfMany()
  }

  #stands(entry: TimerEntry): boolean {
    if (this.#host.cells.get(entry.cell.id) !== entry.cell) return false
    return 'then' in entry.record
      ? entry.cell.asks.get(entry.record.correlation) === entry.record
      : entry.cell.timers.get(entry.key) === entry.record
  }

  #dropIfMany(): void {
    if (this.cancelled > 1000 && this.cancelled > this.#queue.length / 2) this.#keep((entry) => this.#stands(entry))
  }

  #keep(which: (entry: TimerEntry) => boolean): void {
    const standing = this.#queue.data.filter(which)
    this.#queue.data = []
    this.#queue.length = 0
    for (const entry of standing) this.#queue.push(entry)
    this.cancelled = 0
  }

  fire(): void {
    for (let head = this.#queue.peek(); head !== undefined && head.dueMs <= this.#host.now; head = this.#queue.peek()) {
      this.#queue.pop()
      if (!this.#stands(head)) continue
      this.#due(head)
    }
  }

  /** Timers of held agents rest: `rearm` puts them back when the agent runs again. */
  #due(entry: TimerEntry): void {
    const { cell, record } = entry
    if (cell.status !== 'running' || cell.region !== undefined) return
    if ('then' in record) {
      const origin = this.#host.options.place
      this.#host.routing.replyTo({ correlation: record.correlation, path: cell.path, origin }, false, {
        code: 'timeout',
        message: `${record.name} did not answer in time`,
      })
      return
    }
    cell.mailbox.push({ kind: 'timer', timer: record })
    this.#host.schedule(cell)
  }

  rearm(cell: Cell): void {
    if (cell.timers.size === 0 && cell.asks.size === 0) return
    // Those that were not due meanwhile are still in the queue.
    this.#keep((entry) => entry.cell !== cell && this.#stands(entry))
    for (const [key, record] of cell.timers) this.#queue.push({ dueMs: record.dueMs, cell, key, record })
    for (const record of cell.asks.values())
      if (record.dueMs > 0) this.#queue.push({ dueMs: record.dueMs, cell, key: '', record })
  }
}
