import { type Benchmark, ratioTo } from '../benchmark.js'
import { inChild } from '../child.js'
import { type Round, type Summary, summarise } from '../samples.js'

interface Calls {
  readonly samplesUs: readonly number[]
  readonly count: number
  readonly elapsedMs: number
}

interface ManyAgents {
  readonly startMs: number
  readonly rss: number
  readonly peak: number
  readonly first: Calls
  readonly known: Calls
}

const roundOf = (calls: Calls): Round => ({ ...calls, samplesUs: Float64Array.from(calls.samplesUs) })
const summaryOf = (calls: Calls): Summary => summarise([roundOf(calls)])
const many = (agents: number) =>
  inChild<ManyAgents>(new URL('../children/many-agents.ts', import.meta.url), [String(agents)])

const AGENTS = 100_000
const FEW = 10
const MIB = 2 ** 20

export const idleAgents: Benchmark = {
  name: 'idle-agents',
  run: async ({ quick }) => {
    const agents = quick ? AGENTS / 10 : AGENTS
    const few = await many(FEW)
    const all = await many(agents)
    const summary = summaryOf(all.known)
    return [
      {
        name: 'idle-agents',
        what: 'a box with 100 000 agents: time to start it, memory of the process, and calls from the main thread to agents all over',
        goal: '100 000 agents started within 30 s, in at most 1024 MiB; calls as fast as with few agents',
        ...summary,
        baselines: [
          ratioTo(summary, `a box of ${FEW}`, summaryOf(few.known)),
          ratioTo(summary, 'its first calls', summaryOf(all.first)),
        ],
        figures: {
          'agents': agents,
          'start, s': all.startMs / 1000,
          'memory, MiB': all.rss / MIB,
          'peak memory, MiB': all.peak / MIB,
          'memory per agent, bytes': (all.rss - few.rss) / (agents - FEW),
        },
      },
    ]
  },
}

export const idleCpu: Benchmark = {
  name: 'idle-cpu',
  run: async ({ quick }) => {
    const [intervals, intervalMs] = quick ? [4, 500] : [12, 500]
    const { usedUs } = await inChild<{ usedUs: number[] }>(new URL('../children/idle-box.ts', import.meta.url), [
      String(intervals),
      String(intervalMs),
    ])
    const perSecondUs = usedUs.map((us) => (us / intervalMs) * 1000)
    const meanUs = perSecondUs.reduce((sum, us) => sum + us, 0) / perSecondUs.length
    return [
      {
        name: 'idle-cpu',
        what: 'processor time that a box with nothing to do takes, per second of wall-clock time',
        goal: 'less than 10 ms per second, which is 1 % of a core',
        ...summarise([
          { samplesUs: Float64Array.from(perSecondUs), count: intervals, elapsedMs: intervals * intervalMs },
        ]),
        baselines: [],
        figures: { 'share of a core, %': meanUs / 10_000 },
      },
    ]
  },
}
