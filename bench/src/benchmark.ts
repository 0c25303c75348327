import { type Round, type Summary, summarise } from './samples.js'

/** A result measured beside another, in the same run. Ratios are result to baseline. */
export interface BaselineResult {
  readonly name: string
  readonly p50Us: number
  readonly perSecond: number
  /** Below 1: faster than the baseline. */
  readonly latencyRatio: number
  /** Above 1: more than the baseline. */
  readonly throughputRatio: number
}

export interface Result extends Summary {
  readonly name: string
  /** What is measured, in a sentence. */
  readonly what: string
  /** What is to be reached, in words. */
  readonly goal?: string
  readonly baselines: readonly BaselineResult[]
  /** Figures that are no durations, by name with unit. */
  readonly figures?: Readonly<Record<string, number>>
}

export interface Options {
  /** Fewer and shorter rounds: to see that everything works, and orders of magnitude. */
  readonly quick: boolean
}

/** One thing that is measured: a benchmark's subject, or a baseline. */
export interface Side {
  readonly name: string
  /** One round of work. The first ones are thrown away: they warm up. */
  round(): Promise<Round>
  close(): Promise<void>
}

export interface Benchmark {
  readonly name: string
  run(options: Options): Promise<readonly Result[]>
}

export interface Comparison {
  readonly name: string
  readonly what: string
  readonly goal?: string
  readonly subject: Side
  readonly baselines: readonly Side[]
}

/**
 * Measures subject and baselines in turns, so that what else the machine does in the meantime falls on all of them.
 * Closes them all.
 */
export async function compare({ subject, baselines, ...about }: Comparison, { quick }: Options): Promise<Result> {
  const sides = [subject, ...baselines]
  const rounds = new Map<Side, Round[]>(sides.map((side) => [side, []]))
  try {
    for (const side of sides) for (let warmup = 0; warmup < 2; warmup++) await side.round()
    for (let number = 0; number < (quick ? 2 : 6); number++) {
      for (const side of sides) rounds.get(side)?.push(await side.round())
    }
  } finally {
    for (const side of sides) await side.close()
  }
  const summary = summarise(rounds.get(subject) ?? [])
  return {
    ...about,
    ...summary,
    baselines: baselines.map((side) => ratioTo(summary, side.name, summarise(rounds.get(side) ?? []))),
  }
}

export function ratioTo(summary: Summary, name: string, baseline: Summary): BaselineResult {
  const { p50Us, perSecond } = baseline
  return { name, p50Us, perSecond, latencyRatio: summary.p50Us / p50Us, throughputRatio: summary.perSecond / perSecond }
}
