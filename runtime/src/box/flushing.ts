import type { Message } from '../message/envelope.js'
import type { Cell, OutChannel } from './cell.js'
import type { Host } from './host.js'

/** Flush markers: numbered messages of the host's own, whose answer says that all before them was consumed. */
export class Flushing {
  readonly #host: Host

  constructor(host: Host) {
    this.#host = host
  }

  /** Sends a marker down every channel of a cell for which `which` says yes; `done` when all are answered. */
  flush(cell: Cell, which: (out: OutChannel) => boolean, done: () => void): void {
    const outs = [...cell.outgoing.values()].filter((out) => out.next > 1 && which(out))
    if (outs.length === 0) {
      done()
      return
    }
    const open = new Map<number, string>()
    cell.flushing.push({ open, done })
    const sends = outs.map((out) => ({ out, correlation: this.#host.routing.newCorrelation(cell) }))
    for (const { out, correlation } of sends) open.set(correlation, out.name)
    for (const { out, correlation } of sends)
      this.#host.routing.sendFrom(
        cell,
        'flush',
        out.name,
        '$flush',
        null,
        correlation,
        cell.path,
        this.#host.options.place,
        '',
      )
  }

  /** Markers for agents that were lost have no answer to wait for: nothing of what was before them is on its way. */
  bereave(cell: Cell, isLost: (name: string) => boolean): void {
    const lost = cell.flushing.flatMap(({ open }) => [...open].filter(([, name]) => isLost(name)))
    for (const [correlation] of lost) this.settled(cell, correlation)
  }

  settled(cell: Cell, correlation: number): boolean {
    const flush = cell.flushing.find((each) => each.open.has(correlation))
    if (flush === undefined) return false
    flush.open.delete(correlation)
    if (flush.open.size === 0) {
      cell.flushing = cell.flushing.filter((each) => each !== flush)
      flush.done()
    }
    return true
  }

  /** A proxy has consumed a marker when everything it sent on before has been consumed as well. */
  pass(cell: Cell, message: Message): void {
    this.flush(
      cell,
      () => true,
      () => this.#host.routing.replyTo(message, true, null),
    )
  }
}
