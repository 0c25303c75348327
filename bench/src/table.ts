import type { Result } from './benchmark.js'

const HEADINGS = ['benchmark', 'p50', 'p99', 'max', 'count', 'per second', 'latency ×', 'throughput ×']

/** A duration with three digits and its unit. */
function printUs(us: number): string {
  if (us < 1) return `${(us * 1000).toPrecision(3)} ns`
  if (us < 1000) return `${us.toPrecision(3)} µs`
  if (us < 1e6) return `${(us / 1000).toPrecision(3)} ms`
  return `${(us / 1e6).toPrecision(3)} s`
}

function printCount(value: number): string {
  if (value >= 999_500) return `${(value / 1e6).toPrecision(3)} M`
  if (value >= 1e4) return `${(value / 1e3).toPrecision(3)} k`
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)))
}

function rowsOf(result: Result): string[][] {
  const { name, p50Us, p99Us, maxUs, count, perSecond } = result
  const own = [name, printUs(p50Us), printUs(p99Us), printUs(maxUs), printCount(count), printCount(perSecond), '', '']
  const against = result.baselines.map((baseline) => [
    `  against ${baseline.name}`,
    printUs(baseline.p50Us),
    '',
    '',
    '',
    printCount(baseline.perSecond),
    baseline.latencyRatio.toFixed(2),
    baseline.throughputRatio.toFixed(2),
  ])
  return [own, ...against]
}

/** Results as text in columns; figures and goals follow below. */
export function printTable(results: readonly Result[]): string {
  const rows = [HEADINGS, ...results.flatMap(rowsOf)]
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd()
  const notes = results.flatMap(({ name, goal, figures }) => [
    ...Object.entries(figures ?? {}).map(([figure, value]) => `${name}: ${figure} ${Number(value.toPrecision(4))}`),
    ...(goal === undefined ? [] : [`${name}: to reach: ${goal}`]),
  ])
  return [...rows.map(line), '', ...notes].join('\n')
}
