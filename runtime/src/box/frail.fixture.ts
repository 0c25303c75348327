import { shard } from '@ovid/shard'
import { defineAgent } from '../agent/definition.js'
import type { AgentImage } from '../agent/image.js'
import { defineTransformation } from '../latt/transformation.js'

/** A piece of foreign code that may throw when it is called. */
export type Frailty = 'lift' | 'lower' | 'divide' | 'combine' | 'split' | 'merge' | 'migrate' | 'init of a proxy'

/** What throws from now on: the faults of agents and plug-ins. */
export const sabotaged = new Set<Frailty>()

/** Calls a piece of foreign code, unless it is sabotaged. */
function frail<Result>(frailty: Frailty, call: () => Result): Result {
  if (sabotaged.has(frailty)) throw new Error(`${frailty} is sabotaged`)
  return call()
}

interface State {
  readonly version: number
  readonly logs: Map<string, string[]>
}

/** A version of an agent that keeps, per key, what was appended in the order it came. */
export const logOf = (version: number) =>
  defineAgent({
    kind: 'log',
    version,
    init: (): State => ({ version, logs: new Map() }),
    reads: { log: (state, { key }: { key: string }) => state.logs.get(key) ?? [] },
    writes: {
      append: (state, { key, entry }: { key: string; entry: string }) => {
        if (state.version !== version) throw new Error(`version ${version} runs on a state of version ${state.version}`)
        state.logs.set(key, [...(state.logs.get(key) ?? []), entry])
        return entry
      },
    },
    partition: {
      keyOf: (message: { key?: string } | null) => message?.key,
      split: (state: State, ownerOf, parts) =>
        frail('split', () => {
          const states = Array.from({ length: parts }, () => ({ version, logs: new Map<string, string[]>() }))
          for (const [key, log] of state.logs) states[ownerOf(key)]?.logs.set(key, log)
          return states
        }),
      merge: (states: State[]) =>
        frail('merge', () => ({ version, logs: new Map(states.flatMap((state) => [...state.logs])) })),
    },
    migrate: (state: State): State => frail('migrate', () => ({ version, logs: new Map(state.logs) })),
  })

type Images = Readonly<Record<string, AgentImage>>

/** The plug-in `shard`, of which every part can be sabotaged. */
export const frailShard = defineTransformation<{ shards: number }>({
  ...shard,
  agents: Object.fromEntries(
    Object.entries(shard.agents).map(([name, agent]) => [
      name,
      { ...agent, init: (params: unknown) => frail('init of a proxy', () => agent.init(params)) },
    ]),
  ),
  refine: (target, options) => {
    const refinement = shard.refine(target, options)
    return {
      lift: (children: Images) => frail('lift', () => refinement.lift(children)),
      lower: (image) => frail('lower', () => refinement.lower(image)),
      rescale: (next) => {
        const rescale = refinement.rescale?.(next)
        if (rescale === undefined) throw new Error('shard can rescale')
        return {
          divide: (child, image) => frail('divide', () => rescale.divide(child, image)),
          combine: (child, images) => frail('combine', () => rescale.combine(child, images)),
        }
      },
    }
  },
})
