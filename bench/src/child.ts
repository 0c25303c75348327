import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/**
 * Runs a module in a process of its own, where memory and processor time are its own, and returns what it prints as
 * JSON on its last line.
 */
export async function inChild<Answer>(module: URL, args: readonly string[]): Promise<Answer> {
  const child = spawn(process.execPath, [...process.execArgv, fileURLToPath(module), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text
  })
  const [code] = (await once(child, 'close')) as [number | null]
  const last = printed.trimEnd().split('\n').at(-1) ?? ''
  if (code !== 0) throw new Error(`${fileURLToPath(module)} ended with ${code}`)
  return JSON.parse(last) as Answer
}
