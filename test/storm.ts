import { parseArgs } from 'node:util'
import { type StormResult, storm } from './storm/storm.js'

const usage = 'usage: npm run storm -- [--count N] [--seed S] [--verbose]'

function wholeNumber(text: string, name: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 0)
    throw new Error(`--${name} must be a whole number, found ${text}\n${usage}`)
  return number
}

const at = (sorted: readonly number[], part: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
const inMs = (value: number) => value.toFixed(value < 10 ? 2 : 1)

/** How many pauses there were of each length, as bars. */
function distribution(pausesMs: readonly number[]): string[] {
  const bounds = [0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, Number.POSITIVE_INFINITY]
  let from = 0
  return bounds.flatMap((bound) => {
    const count = pausesMs.filter((pause) => pause >= from && pause < bound).length
    const label = bound === Number.POSITIVE_INFINITY ? `over ${from} ms` : `${from} to ${bound} ms`
    from = bound
    return count === 0
      ? []
      : [
          `  ${label.padStart(16)} ${String(count).padStart(6)} ${'#'.repeat(Math.ceil((count * 50) / pausesMs.length))}`,
        ]
  })
}

function print({ kinds, pausesMs, footprint, problems, ...result }: StormResult, tookMs: number): void {
  console.log([...kinds].map(([kind, count]) => `${count} ${kind}`).join(', '))
  console.log('pauses:')
  for (const line of distribution(pausesMs)) console.log(line)
  for (const line of footprint) console.log(line)
  console.log(
    `${(tookMs / 1000).toFixed(1)} s, ${Math.round(result.operations / (tookMs / 1000))} operations per second`,
  )
  for (const problem of problems) console.log(`PROBLEM: ${problem}`)
  const { reconfigurations, operations, lost, doubled, reordered } = result
  const pause = `pause p50 ${inMs(at(pausesMs, 0.5))} ms p99 ${inMs(at(pausesMs, 0.99))} ms max ${inMs(at(pausesMs, 1))} ms`
  console.log(
    `storm: reconfigurations ${reconfigurations}, operations ${operations}, lost ${lost}, doubled ${doubled}, reordered ${reordered}, ${pause}`,
  )
}

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000' },
    seed: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
})
const count = wholeNumber(values.count, 'count')
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : wholeNumber(values.seed, 'seed')
console.log(`storm: seed ${seed}, ${count} reconfigurations under load from 8 clients`)
const began = performance.now()
const result = await storm({
  count,
  seed,
  onProgress: (done, operations) => console.log(`  ${done} changes, ${operations} operations`),
  ...(values.verbose && { onStep: (number: number, step: string) => console.log(`  ${number}: ${step}`) }),
})
print(result, performance.now() - began)
const { lost, doubled, reordered, problems, reconfigurations } = result
process.exitCode = lost + doubled + reordered + problems.length === 0 && reconfigurations === count ? 0 : 1
