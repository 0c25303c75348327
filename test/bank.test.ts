import { type Box, connect, startBox } from '@ovid/runtime'
import { expect, it } from 'vitest'
import type { bank } from '../examples/bank/bank.js'
import type { transfers } from '../examples/bank/transfers.js'
import { chanceOf } from './storm/chance.js'

const system = new URL('../examples/bank/system.ts', import.meta.url).href
const ACCOUNTS = Array.from({ length: 20 }, (_, index) => `account-${index}`)
const DEPOSIT = 1000
const TRANSFERS = 4000
const AT_ONCE = 40
const SEED = 5

type Change = Parameters<ReturnType<Box['controller']>['change']>[0]

/** Changes of both agents, the one that asks and the one that is asked, again and again. */
const changes: readonly Change[] = [
  { verb: 'transform', id: 'Transfers', plugin: 'shard', options: { shards: 3 } },
  { verb: 'transform', id: 'Bank', plugin: 'shard', options: { shards: 4 } },
  { verb: 'move', id: 'Transfers/Shard2', place: 'main/1' },
  { verb: 'transform', id: 'Bank/Shard1', plugin: 'shard', options: { shards: 2 } },
  { verb: 'transform', id: 'Transfers', plugin: 'shard', options: { shards: 5 } },
  { verb: 'move', id: 'Transfers/Shard2', place: 'main/2' },
  { verb: 'untransform', id: 'Bank' },
  { verb: 'untransform', id: 'Transfers' },
]

it('Transfers between accounts keep the money together while both agents are resharded', async () => {
  const box = await startBox({ system, threads: 2 })
  try {
    const client = await connect(box)
    const controller = box.controller(client)
    const accounts = client.agent<typeof bank>('Bank')
    const orders = client.agent<typeof transfers>('Transfers')
    for (const account of ACCOUNTS) await accounts.open({ account, deposit: DEPOSIT })
    const chance = chanceOf(SEED)
    const expected = new Map(ACCOUNTS.map((account) => [account, DEPOSIT]))
    const codes = new Map<string, number>()
    let ordered = 0
    let isRunning = true
    const order = async () => {
      while (ordered < TRANSFERS) {
        const [from, to] = [ACCOUNTS[chance(ACCOUNTS.length)] ?? '', ACCOUNTS[chance(ACCOUNTS.length)] ?? '']
        const amount = 1 + chance(400)
        const outcome = await orders.transfer({ id: `transfer-${++ordered}`, from, to, amount }).then(
          () => 'done',
          (error: { code: string }) => error.code,
        )
        codes.set(outcome, (codes.get(outcome) ?? 0) + 1)
        if (outcome !== 'done') continue
        expected.set(from, (expected.get(from) ?? 0) - amount)
        expected.set(to, (expected.get(to) ?? 0) + amount)
      }
    }
    const work = Promise.all(Array.from({ length: AT_ONCE }, order)).finally(() => {
      isRunning = false
    })
    let rounds = 0
    for (; isRunning || rounds === 0; rounds++) {
      for (const change of changes) {
        const { agents } = await controller.layout({ id: change.id })
        // Where a shard is to be found first depends on the other's.
        if (change.verb !== 'move' || agents[0]?.place !== change.place) await controller.change(change)
      }
    }
    await work
    const balances = new Map<string, number>()
    for (const account of ACCOUNTS) balances.set(account, await accounts.balance({ account }))
    expect(balances).toEqual(expected)
    expect([...balances.values()].reduce((sum, balance) => sum + balance, 0)).toBe(ACCOUNTS.length * DEPOSIT)
    expect([...codes.keys()].sort()).toEqual(['done', 'insufficient-funds', 'same-account'])
    expect(await controller.faults()).toEqual([])
  } finally {
    await box.stop()
  }
})
