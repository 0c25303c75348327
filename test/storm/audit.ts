import type { AgentClient, Client } from '@ovid/runtime'
import type { Clerk, Ledger } from './ledger.js'
import { emptyTally, lostOf, type Tally } from './tally.js'
import type { WriterReport } from './writer.js'

/** What became of the operations, counted by what the agents hold and what the writers sent. */
export interface Audit {
  readonly operations: number
  readonly lost: number
  readonly doubled: number
  readonly reordered: number
  /** Anything else that is not as it should be, in words. */
  readonly problems: readonly string[]
}

class Count {
  lost = 0
  doubled = 0
  reordered = 0
  readonly problems: string[] = []

  stream(tally: Tally | undefined, sent: number, ordered: boolean): void {
    const { doubled, reordered } = tally ?? emptyTally()
    this.lost += lostOf(tally ?? emptyTally(), sent)
    this.doubled += doubled
    if (ordered) this.reordered += reordered
  }
}

async function auditKey(count: Count, client: Client, key: string, reports: readonly WriterReport[]): Promise<void> {
  const ledger: AgentClient<Ledger> = client.agent<Ledger>('Ledger')
  const clerk: AgentClient<Clerk> = client.agent<Clerk>('Clerk')
  const row = await ledger.row({ key })
  let reminders = 0
  for (const report of reports) {
    count.stream(row?.notes.get(report.name), report.notes.get(key) ?? 0, true)
    count.stream(row?.stamped.get(report.name), report.stamps.get(key) ?? 0, false)
    reminders += report.reminders.get(key) ?? 0
  }
  if (row === null) return
  const tally = (await clerk.row({ key })) ?? undefined
  count.stream(tally, row.told, true)
  count.lost += Math.max(0, reminders - row.timersSet) + Math.max(0, row.timersSet - row.timersFired)
  count.doubled += Math.max(0, row.timersSet - reminders) + Math.max(0, row.timersFired - row.timersSet)
  if (row.firedEarly > 0) count.problems.push(`${row.firedEarly} timers of ${key} fired before their time`)
  if (row.asked !== row.answered)
    count.problems.push(`${row.asked - row.answered} requests about ${key} have no answer`)
}

/** Compares what the agents hold with what the writers sent. All writers must have stopped. */
export async function audit(client: Client, keys: readonly string[], reports: readonly WriterReport[]): Promise<Audit> {
  const count = new Count()
  for (const key of keys) await auditKey(count, client, key, reports)
  const { lost, doubled, reordered } = count
  const operations = reports.reduce((sum, report) => sum + report.operations, 0)
  return {
    operations,
    lost,
    doubled,
    reordered,
    problems: [...count.problems, ...reports.flatMap(({ problems }) => problems)],
  }
}
