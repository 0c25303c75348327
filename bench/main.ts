import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Result } from './src/benchmark.js'
import { benchmarks } from './src/benchmarks/all.js'
import { describeMachine, printMachine } from './src/machine.js'
import { printTable } from './src/table.js'

const USAGE = `npm run bench -- [--quick] [--only NAME,…] [--json FILE]
benchmarks: ${benchmarks.map((benchmark) => benchmark.name).join(', ')}`

function parse() {
  const { values } = parseArgs({
    options: { quick: { type: 'boolean', default: false }, only: { type: 'string' }, json: { type: 'string' } },
  })
  const names = values.only?.split(',') ?? []
  const unknown = names.find((name) => !benchmarks.some((benchmark) => benchmark.name === name))
  if (unknown !== undefined) throw new Error(`there is no benchmark ${JSON.stringify(unknown)}`)
  return { ...values, names }
}

async function main(): Promise<void> {
  const { quick, names, json } = parse()
  const machine = describeMachine()
  process.stdout.write(`${printMachine(machine)}\n\n`)
  const results: Result[] = []
  for (const benchmark of benchmarks) {
    if (names.length > 0 && !names.includes(benchmark.name)) continue
    process.stderr.write(`${benchmark.name} …\n`)
    results.push(...(await benchmark.run({ quick })))
  }
  process.stdout.write(`${printTable(results)}\n`)
  // Where the command was given, not where npm runs it.
  if (json !== undefined)
    await writeFile(
      resolve(process.env.INIT_CWD ?? '.', json),
      `${JSON.stringify({ machine, quick, results }, undefined, 2)}\n`,
    )
}

try {
  await main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`)
  process.exitCode = 1
}
