import type { Names } from './names.js'

/** A transformation that puts a gate before an agent, with a system to try it in: file contents by path. */
export function pluginFiles({ dashed, camel, pascal, runtimeRange }: Names): Record<string, string> {
  return {
    'package.json': `${JSON.stringify(
      {
        name: dashed,
        version: '0.1.0',
        description: 'Ovid plug-in: refuses messages of one type.',
        keywords: ['ovid-plugin'],
        type: 'module',
        exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' } },
        files: ['dist'],
        scripts: { build: 'tsc', try: 'ovid up try/system.ts --script try/try.ovid', prepack: 'npm run build' },
        dependencies: { zod: '^4.6.7' },
        peerDependencies: { '@ovid/runtime': runtimeRange },
        devDependencies: { '@ovid/runtime': runtimeRange, typescript: '^5.9.3' },
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
          declaration: true,
          rootDir: 'src',
          outDir: 'dist',
          skipLibCheck: true,
        },
        include: ['src'],
      },
      undefined,
      2,
    )}\n`,
    'src/index.ts': `import { defineProxy, defineTransformation, OvidError } from '@ovid/runtime'
import { z } from 'zod'

const options = z.strictObject({ refuse: z.string().min(1) })

interface GateParams {
  /** Id of the agent behind the gate. */
  readonly core: string
  readonly refuse: string
}

/**
 * Stands near each client of the transformed agent and sees every message before it. An error thrown here is the
 * client's reply; what is passed on keeps its sender, and its reply goes straight back.
 */
const gate = defineProxy({
  kind: '${dashed}-ingress',
  init: ({ core, refuse }: GateParams) => ({ core, refuse }),
  pass: (state, message, context) => {
    if (message.type === state.refuse) throw new OvidError('refused', message.type + ' is refused by ${dashed}')
    context.pass(state.core)
  },
})

/** Refuses messages of one type; all others reach the agent unchanged. */
export const ${camel} = defineTransformation({
  name: '${dashed}',
  version: '0.1.0',
  api: '^1.0.0',
  options,
  describe: { refuse: 'type of the messages to refuse' },
  guarantees: ({ refuse }) => ({ gains: ['messages of type ' + refuse + ' never reach the agent'], loses: [] }),
  agents: { gate },

  // The physical agents that take the virtual agent's place: one copy of it, and a gate for each client.
  expand: (target, { refuse }) => ({
    children: [{ name: 'Core', agent: 'target' }],
    ingress: { name: '${pascal}Ingress', agent: 'gate', params: { core: target.id + '/Core', refuse } },
    // Inside, the virtual agent's own name leads to the copy.
    routes: { Core: 'Core' },
  }),

  // The refinement mapping: from the parts' images to the virtual agent's, and back.
  refine: () => ({
    lift: ({ Core }) => {
      if (Core === undefined) throw new Error('there is no Core to lift')
      return Core
    },
    lower: (image) => ({ Core: image }),
  }),
})

export default ${camel}
`,
    'try/system.ts': `import { defineAgent, defineSystem } from '@ovid/runtime'

const counter = defineAgent({
  kind: 'counter',
  init: () => ({ count: 0 }),
  reads: { read: (state) => state.count },
  writes: {
    add: (state, { by }: { by: number }) => {
      state.count += by
      return state.count
    },
    reset: (state) => {
      state.count = 0
      return true
    },
  },
})

export default defineSystem({
  name: 'try-${dashed}',
  plugins: ['../src/index.ts'],
  agents: { Counter: { agent: counter } },
})
`,
    'try/try.ovid': `# npx ovid up try/system.ts --script try/try.ovid
call Counter add {"by": 2}
plan transform Counter ${dashed} refuse=reset
transform Counter ${dashed} refuse=reset
call Counter add {"by": 3}
show latt
state Counter
untransform Counter
call Counter reset
`,
    'README.md': `# ${dashed}

An Ovid plug-in that refuses messages of one type; all others reach the agent unchanged.

\`\`\`sh
npm install
npm run try      # carries out try/try.ovid
npm run build    # compiles src to dist
\`\`\`

## Use

\`\`\`
transform Counter ${dashed} refuse=reset
\`\`\`

| option | what it is |
| --- | --- |
| \`refuse\` | type of the messages to refuse |

## LATT

\`\`\`
before                after
Counter  counter 1    Counter  = ${dashed}(refuse=reset)
                      ├─ Core  counter 1
                      └─ ${pascal}Ingress:client  ${dashed}-ingress 1     one for each client, near it
\`\`\`

## Guarantees and cost

What the agent has, except that messages of one type are refused. One hop more for each message, on the client's own
thread; none for its reply.
`,
  }
}
