import { defineAgent } from '@ovid/runtime'
import { z } from 'zod'

const named = z.object({ name: z.string() })
type Named = z.infer<typeof named>

export const counter = defineAgent({
  kind: 'counter',
  init: () => new Map<string, number>(),
  messages: { value: named, add: named },
  reads: { value: (counts, { name }: Named) => counts.get(name) ?? 0 },
  writes: { add: (counts, { name }: Named) => counts.set(name, (counts.get(name) ?? 0) + 1).get(name) },
  partition: {
    keyOf: ({ name }: Named) => name,
    split: (counts, ownerOf, parts) =>
      Array.from({ length: parts }, (_, part) => new Map([...counts].filter(([name]) => ownerOf(name) === part))),
    merge: (states) => new Map(states.flatMap((counts) => [...counts])),
  },
})
