import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { bank } from './bank.js'
import { Network, type Settled } from './network.fixture.js'
import { transfers } from './transfers.js'

let network: Network

beforeEach(() => {
  network = new Network().host('Bank', bank).host('Transfers', transfers)
})

const ask = (type: string, message: unknown) => network.ask('Bank', type, message)
const order = (id: string, from: string, to: string, amount: number) =>
  network.ask('Transfers', 'transfer', { id, from, to, amount })
const status = (id: string) => network.ask('Transfers', 'status', { id })

function balances(): Record<string, number> {
  const { accounts } = network.state('Bank') as { accounts: Map<string, number> }
  return Object.fromEntries([...accounts].sort())
}

describe('the bank', () => {
  it('opens accounts, moves money in and out, and closes empty ones', () => {
    expect(ask('open', { account: 'alice', deposit: 100 })).toEqual({ value: 100 })
    expect(ask('open', { account: 'bob' })).toEqual({ value: 0 })
    expect(ask('deposit', { account: 'bob', amount: 7 })).toEqual({ value: 7 })
    expect(ask('withdraw', { account: 'alice', amount: 100 })).toEqual({ value: 0 })
    expect(ask('balance', { account: 'bob' })).toEqual({ value: 7 })
    expect(ask('close', { account: 'alice' })).toEqual({ value: true })
    expect(balances()).toEqual({ bob: 7 })
  })

  it.each([
    ['open', { account: 'alice' }, 'account-exists'],
    ['balance', { account: 'nobody' }, 'no-such-account'],
    ['deposit', { account: 'nobody', amount: 1 }, 'no-such-account'],
    ['deposit', { account: 'alice', amount: Number.MAX_SAFE_INTEGER }, 'balance-too-large'],
    ['withdraw', { account: 'alice', amount: 101 }, 'insufficient-funds'],
    ['close', { account: 'alice' }, 'account-not-empty'],
  ])('refuses %s %j: %s', (type, message, code) => {
    ask('open', { account: 'alice', deposit: 100 })
    expect(ask(type, message)).toEqual({ code })
    expect(balances()).toEqual({ alice: 100 })
  })

  it.each([0, -1, 0.5, Number.MAX_SAFE_INTEGER + 1])('takes no amount of %d', (amount) => {
    ask('open', { account: 'alice', deposit: 100 })
    expect(() => ask('deposit', { account: 'alice', amount })).toThrow('does not take')
  })
})

describe('a transfer', () => {
  beforeEach(() => {
    ask('open', { account: 'alice', deposit: 100 })
    ask('open', { account: 'bob', deposit: 50 })
  })

  it('moves money, and says so when it has', () => {
    const settled = network.send('Transfers', 'transfer', { id: 't', from: 'alice', to: 'bob', amount: 30 })
    while (network.underWay > 0) {
      expect(settled).toEqual([])
      network.deliver()
    }
    expect(settled).toEqual([{ value: { status: 'done' } }])
    expect(balances()).toEqual({ alice: 70, bob: 80 })
    expect(status('t')).toEqual({ value: { status: 'done', reason: null } })
    expect(status('unknown')).toEqual({ value: null })
  })

  it('that the sender cannot pay for moves nothing', () => {
    expect(order('t', 'alice', 'bob', 101)).toEqual({ code: 'insufficient-funds' })
    expect(balances()).toEqual({ alice: 100, bob: 50 })
    expect(status('t')).toMatchObject({ value: { status: 'refused', reason: { code: 'insufficient-funds' } } })
  })

  it('that the receiver cannot take gives the sender the money back', () => {
    expect(order('t', 'alice', 'nobody', 30)).toEqual({ code: 'no-such-account' })
    expect(balances()).toEqual({ alice: 100, bob: 50 })
    expect(status('t')).toMatchObject({ value: { status: 'refused', reason: { code: 'no-such-account' } } })
  })

  it('that is ordered twice is carried out once, and both are told', () => {
    const message = { id: 't', from: 'alice', to: 'bob', amount: 30 }
    const settled = [network.send('Transfers', 'transfer', message), network.send('Transfers', 'transfer', message)]
    network.deliverAll()
    expect(settled).toEqual([[{ value: { status: 'done' } }], [{ value: { status: 'done' } }]])
    expect(order('t', 'alice', 'bob', 30)).toEqual({ value: { status: 'done' } })
    expect(order('t', 'alice', 'bob', 31)).toEqual({ code: 'transfer-exists' })
    expect(order('u', 'alice', 'bob', 1000)).toEqual({ code: 'insufficient-funds' })
    expect(order('u', 'alice', 'bob', 1000)).toEqual({ code: 'insufficient-funds' })
    expect(balances()).toEqual({ alice: 70, bob: 80 })
  })

  it('to oneself is refused', () => {
    expect(order('t', 'alice', 'alice', 30)).toEqual({ code: 'same-account' })
    expect(status('t')).toEqual({ value: null })
  })

  it.each(['withdraw', 'deposit'])('whose %s may have been lost with the bank is in doubt', (step) => {
    network.losing.add(step)
    expect(order('t', 'alice', 'bob', 30)).toEqual({ code: 'agent-lost' })
    expect(status('t')).toMatchObject({ value: { status: 'in-doubt', reason: { code: 'agent-lost' } } })
  })

  it('whose sender closes the account before the money is back is in doubt', () => {
    network.send('Transfers', 'transfer', { id: 't', from: 'alice', to: 'nobody', amount: 100 })
    while ((network.state('Bank') as { accounts: Map<string, number> }).accounts.get('alice') !== 0) network.deliver()
    const closed = network.send('Bank', 'close', { account: 'alice' })
    while (closed.length === 0) network.deliver(network.underWay - 1)
    network.deliverAll()
    expect(status('t')).toMatchObject({ value: { status: 'in-doubt', reason: { code: 'no-such-account' } } })
  })
})

const account = fc.constantFrom('alice', 'bob', 'carol', 'dave', 'nobody')
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ order: fc.record({ from: account, to: account, amount: fc.integer({ min: 1, max: 80 }) }) }),
  },
  { weight: 12, arbitrary: fc.record({ deliver: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({ reshard: fc.constantFrom('Bank', 'Transfers'), parts: fc.integer({ min: 1, max: 5 }) }),
  },
)
type Order = { from: string; to: string; amount: number }
type Step = { order: Order } | { deliver: number } | { reshard: string; parts: number }

describe('however messages cross and agents are resharded while money is on its way', () => {
  const start = { alice: 100, bob: 100, carol: 100, dave: 100 }

  /** Takes the steps, then lets all come to its end. */
  function run(steps: readonly Step[]): { ordered: Order; settled: Settled[] }[] {
    const orders: { ordered: Order; settled: Settled[] }[] = []
    for (const next of steps) {
      if ('order' in next) {
        const message = { id: `t${orders.length}`, ...next.order }
        orders.push({ ordered: next.order, settled: network.send('Transfers', 'transfer', message) })
      } else if ('reshard' in next) network.reshard(next.reshard, next.parts)
      else if (network.underWay > 0) network.deliver(next.deliver)
      expect(Math.min(...Object.values(balances()))).toBeGreaterThanOrEqual(0)
    }
    network.deliverAll()
    return orders
  }

  it('every transfer ends once, and no money is lost or made', () => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(fc.array(step as fc.Arbitrary<Step>, { maxLength: 120, size: 'max' }), (steps) => {
        network = new Network().host('Bank', bank).host('Transfers', transfers)
        for (const [name, deposit] of Object.entries(start)) ask('open', { account: name, deposit })
        const expected: Record<string, number> = { ...start }
        for (const { ordered, settled } of run(steps)) {
          expect(settled).toHaveLength(1)
          const [end] = settled as [Settled]
          seen.add('code' in end ? end.code : 'done')
          if ('code' in end) continue
          expected[ordered.from] = (expected[ordered.from] as number) - ordered.amount
          expected[ordered.to] = (expected[ordered.to] as number) + ordered.amount
        }
        expect(balances()).toEqual(expected)
      }),
      { numRuns: 200 },
    )
    expect([...seen].sort()).toEqual(['done', 'insufficient-funds', 'no-such-account', 'same-account'])
  })
})
