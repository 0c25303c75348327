import { createHistogram } from 'node:perf_hooks'

/** What one round of a benchmark gives. Plain data: it also comes by message from a thread of the box measured. */
export interface Round {
  /** Duration of each sample, µs. */
  readonly samplesUs: Float64Array
  /** Operations done; more than samples where a sample is the mean of a batch. */
  readonly count: number
  /** Time the whole round took, ms. */
  readonly elapsedMs: number
}

export interface Summary {
  readonly p50Us: number
  readonly p99Us: number
  readonly maxUs: number
  readonly count: number
  readonly perSecond: number
}

/** Samples are recorded in nanoseconds; the histogram keeps three significant digits. */
const NS_PER_US = 1000

/** Puts rounds together. The histogram is filled here, after the fact, so that it costs the measured code nothing. */
export function summarise(rounds: readonly Round[]): Summary {
  const histogram = createHistogram()
  let count = 0
  let elapsedMs = 0
  for (const round of rounds) {
    for (const sampleUs of round.samplesUs) histogram.record(Math.max(1, Math.round(sampleUs * NS_PER_US)))
    count += round.count
    elapsedMs += round.elapsedMs
  }
  return {
    p50Us: histogram.percentile(50) / NS_PER_US,
    p99Us: histogram.percentile(99) / NS_PER_US,
    maxUs: histogram.max / NS_PER_US,
    count,
    perSecond: (count / elapsedMs) * 1000,
  }
}

/** Repeats an operation one after the other and times each. */
export async function timeEach(count: number, operation: (index: number) => Promise<unknown>): Promise<Round> {
  const samplesUs = new Float64Array(count)
  const began = performance.now()
  let before = began
  for (let index = 0; index < count; index++) {
    await operation(index)
    const after = performance.now()
    samplesUs[index] = (after - before) * 1000
    before = after
  }
  return { samplesUs, count, elapsedMs: before - began }
}

/** Repeats a batch of operations and times each batch: a sample is a batch's mean time per operation. */
export async function timeBatches(
  batches: number,
  size: number,
  batch: (size: number) => Promise<unknown>,
): Promise<Round> {
  const { samplesUs, elapsedMs } = await timeEach(batches, () => batch(size))
  return { samplesUs: samplesUs.map((us) => us / size), count: batches * size, elapsedMs }
}
