import type { Names } from './names.js'

/** A small agent that counts, a system it runs in, and a script that tries it: file contents by path. */
export function agentFiles({ dashed, camel, pascal, runtimeRange, pluginRange }: Names): Record<string, string> {
  return {
    'package.json': `${JSON.stringify(
      {
        name: dashed,
        private: true,
        type: 'module',
        scripts: { start: 'ovid up system.ts', try: 'ovid up system.ts --script try.ovid', check: 'tsc' },
        dependencies: { '@ovid/runtime': runtimeRange, '@ovid/shard': pluginRange, zod: '^4.6.7' },
        devDependencies: { typescript: '^5.9.3' },
      },
      undefined,
      2,
    )}\n`,
    'tsconfig.json': `${JSON.stringify(
      {
        compilerOptions: {
          target: 'es2023',
          lib: ['es2024'],
          module: 'nodenext',
          types: [],
          strict: true,
          noEmit: true,
          skipLibCheck: true,
        },
      },
      undefined,
      2,
    )}\n`,
    [`${dashed}.ts`]: `import { defineAgent } from '@ovid/runtime'
import { z } from 'zod'

/** Counts by key. State is plain data, plus Map, Set, bigint, Date and typed arrays. */
interface State {
  counts: Map<string, number>
}

/**
 * An agent is a deterministic state machine: its handlers are synchronous and touch nothing but their state. Time,
 * chance and other agents are reached through the context, their third parameter.
 */
export const ${camel} = defineAgent({
  kind: '${dashed}',
  version: 1,
  init: (): State => ({ counts: new Map() }),

  // What does not fit is refused before a handler sees it. Any Standard Schema library does.
  messages: {
    read: z.strictObject({ key: z.string() }),
    add: z.strictObject({ key: z.string(), by: z.int().default(1) }),
  },

  // What a handler returns is the reply. To refuse: throw new OvidError('a-code', 'why') before the state is touched.
  reads: {
    read: (state, { key }: { key: string }): number => state.counts.get(key) ?? 0,
  },
  writes: {
    add: (state, { key, by }: { key: string; by: number }): number => {
      const count = (state.counts.get(key) ?? 0) + by
      state.counts.set(key, count)
      return count
    },
  },

  // With this the agent can be sharded. Handlers need not know.
  partition: {
    keyOf: (message: { key: string }) => message.key,
    split: (state, ownerOf, parts) => {
      const states = Array.from({ length: parts }, (): State => ({ counts: new Map() }))
      for (const [key, count] of state.counts) states[ownerOf(key)]?.counts.set(key, count)
      return states
    },
    merge: (states) => ({ counts: new Map(states.flatMap((state) => [...state.counts])) }),
  },
})
`,
    'system.ts': `import { defineSystem } from '@ovid/runtime'
import { ${camel} } from './${dashed}.js'

export default defineSystem({
  name: '${dashed}',
  plugins: ['@ovid/shard'],
  agents: { ${pascal}: { agent: ${camel} } },
})
`,
    'try.ovid': `# npx ovid up system.ts --script try.ovid
call ${pascal} add {"key": "a"}
call ${pascal} add {"key": "a", "by": 4}
transform ${pascal} shard shards=3
call ${pascal} read {"key": "a"}
show latt
state ${pascal}
untransform ${pascal}
`,
    'README.md': `# ${dashed}

\`\`\`sh
npm install
npm start        # the REPL: help lists its commands
npm run try      # carries out try.ovid
npm run check    # types
\`\`\`

\`${dashed}.ts\` is the agent, \`system.ts\` the system it runs in.
`,
  }
}
