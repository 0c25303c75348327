import { execute } from './execute.js'
import type { Output } from './output.js'
import { isSilent } from './read-line.js'
import type { Session } from './session.js'
import { shortened } from './words.js'

/**
 * Carries out commands one after the other, each shown before its result.
 *
 * @param stopAtFailure whether the first command that fails is the last
 * @returns whether none failed, and how many there were
 */
export async function runLines(
  lines: AsyncIterable<string> | Iterable<string>,
  session: Session,
  output: Output,
  stopAtFailure: boolean,
): Promise<{ ok: boolean; count: number }> {
  let ok = true
  let count = 0
  for await (const line of lines) {
    if (isSilent(line)) continue
    count++
    output.note(`> ${shortened(line.trim(), 500)}`)
    const outcome = await execute(line, session)
    output.result(outcome)
    ok &&= outcome.ok
    if (session.ended || (stopAtFailure && !outcome.ok)) break
  }
  return { ok, count }
}
