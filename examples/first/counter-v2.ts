import { defineAgent } from '@ovid/runtime'
import { z } from 'zod'

const named = z.object({ name: z.string() })
type Named = z.infer<typeof named>

interface Entry {
  readonly count: number
  /** When it was counted last, ms since the epoch; null if that was before the upgrade. */
  readonly lastMs: number | null
}

/** The counter's second version. `upgrade COUNTER examples/first/counter-v2.ts` puts it in the place of the first. */
export const counter = defineAgent({
  kind: 'counter',
  version: 2,
  init: () => new Map<string, Entry>(),
  messages: { value: named, last: named, add: named },
  reads: {
    value: (entries, { name }: Named) => entries.get(name)?.count ?? 0,
    last: (entries, { name }: Named) => entries.get(name)?.lastMs ?? null,
  },
  writes: {
    add: (entries, { name }: Named, context) => {
      const count = (entries.get(name)?.count ?? 0) + 1
      entries.set(name, { count, lastMs: context.now })
      return count
    },
  },
  partition: {
    keyOf: ({ name }: Named) => name,
    split: (entries, ownerOf, parts) =>
      Array.from({ length: parts }, (_, part) => new Map([...entries].filter(([name]) => ownerOf(name) === part))),
    merge: (states) => new Map(states.flatMap((entries) => [...entries])),
  },
  migrate: (counts: Map<string, number>) =>
    new Map([...counts].map(([name, count]) => [name, { count, lastMs: null }] as const)),
})
