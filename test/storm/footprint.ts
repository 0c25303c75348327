import type { Box, Client } from '@ovid/runtime'
import { type Resources, resources } from './resources.js'
import type { Writers } from './writers.js'

/** Heap that may be more after the storm: what engines keep of compiled code and caches. */
const HEAP_SLACK_BYTES = 3 * 2 ** 20
/** Each change leaves an entry in the history (of which 1000 are kept). */
const HEAP_PER_CHANGE_BYTES = 2048

/** What a system holds while nothing happens. */
export class Footprint {
  /** Must be the same before and after. */
  readonly counts: ReadonlyMap<string, number>
  readonly heaps: ReadonlyMap<string, number>

  private constructor(counts: ReadonlyMap<string, number>, heaps: ReadonlyMap<string, number>) {
    this.counts = counts
    this.heaps = heaps
  }

  static async of(box: Box, client: Client, writers: Writers): Promise<Footprint> {
    const counts = new Map<string, number>()
    const heaps = new Map<string, number>()
    const threads: (readonly [string, Resources])[] = [
      ['main thread', await resources()],
      ...(await writers.resources()),
    ]
    for (const [name, { heapBytes, handles }] of threads) {
      heaps.set(name, heapBytes)
      for (const [kind, count] of Object.entries(handles)) counts.set(`${kind} of ${name}`, count)
    }
    for (const { place, agents, forwarders, graves, queued, pending } of await box.statistics()) {
      for (const [what, count] of Object.entries({ agents, forwarders, graves, queued, pending })) {
        counts.set(`${what} on ${place}`, count)
      }
    }
    const controller = box.controller(client)
    counts.set('agents of the controller', (await controller.agents()).length)
    counts.set('routes of the controller', (await controller.routes()).length)
    const { cursorsOf, routing } = box.loop.host
    const { routesTo, places } = routing
    counts.set('routes on the main thread', routesTo.size)
    counts.set('cursors on the main thread', cursorsOf.size)
    counts.set('places known to the main thread', places.size)
    return new Footprint(counts, heaps)
  }
}

const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`

/** Compares two footprints: in words, and what is more than it was. */
export function growth(before: Footprint, after: Footprint, changes: number): { lines: string[]; problems: string[] } {
  const lines: string[] = []
  const problems: string[] = []
  for (const name of new Set([...before.counts.keys(), ...after.counts.keys()])) {
    const [was, is] = [before.counts.get(name) ?? 0, after.counts.get(name) ?? 0]
    if (was !== is) problems.push(`${name}: ${was} before, ${is} after`)
  }
  const allowed = HEAP_SLACK_BYTES + changes * HEAP_PER_CHANGE_BYTES
  for (const [name, is] of after.heaps) {
    const was = before.heaps.get(name) ?? 0
    lines.push(`heap of ${name}: ${mebibytes(was)} before, ${mebibytes(is)} after`)
    if (is - was > allowed) problems.push(`heap of ${name} grew by ${mebibytes(is - was)} in ${changes} changes`)
  }
  const sum = (what: string) =>
    [...after.counts].filter(([name]) => name.startsWith(what)).reduce((total, [, count]) => total + count, 0)
  lines.push(
    `${after.counts.size} counts the same: ${sum('forwarders')} forwarders, ${sum('graves')} graves, ${sum('queued')} queued`,
  )
  for (const none of ['forwarders', 'graves', 'queued', 'pending']) {
    if (sum(none) > 0) problems.push(`${sum(none)} ${none} are left`)
  }
  return { lines, problems }
}
