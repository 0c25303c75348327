import { afterEach, describe, expect, it } from 'vitest'
import type { ChangeRequest } from '../controller/state.js'
import type { Message, Place } from '../message/envelope.js'
import { OvidError } from '../message/errors.js'
import { type Frailty, sabotaged } from './frail.fixture.js'
import type { AckMessage, OperationMessage } from './protocol.js'
import { BYSTANDER, type ChangeOutcome, CLIENTS, PLAN_TIMEOUT_MS, Scenario } from './scenario.fixture.js'

type Stage = 'start' | 'hold' | 'drain' | 'wedge' | 'carry' | 'route' | 'retire'

const shard = (id: string, shards: number): ChangeRequest => ({
  verb: 'transform',
  id,
  plugin: 'shard',
  options: { shards },
})
const move = (id: string, place: Place): ChangeRequest => ({ verb: 'move', id, place })
const upgrade = (scenario: Scenario): ChangeRequest => {
  const [, code] = scenario.codes
  if (code === undefined) throw new Error('there is no second version')
  return { verb: 'upgrade', id: 'LOG', code, kind: 'log', version: 2 }
}

interface Kind {
  /** What leads to the layout that is changed. */
  readonly before: readonly ChangeRequest[]
  readonly change: (scenario: Scenario) => ChangeRequest
  readonly stages: readonly Stage[]
}

/** A change of a layout holds and drains; a move or an upgrade takes the agent as it is. */
const replacing: readonly Stage[] = ['start', 'hold', 'drain', 'wedge', 'carry', 'route', 'retire']
const relocating: readonly Stage[] = ['start', 'wedge', 'carry', 'route', 'retire']
const isCommitted = (stage: Stage) => stage === 'route' || stage === 'retire'

const kinds: Readonly<Record<string, Kind>> = {
  transform: { before: [], change: () => shard('LOG', 3), stages: replacing },
  'change of options': { before: [shard('LOG', 2)], change: () => shard('LOG', 3), stages: replacing },
  untransform: { before: [shard('LOG', 3)], change: () => ({ verb: 'untransform', id: 'LOG' }), stages: replacing },
  move: { before: [], change: () => move('LOG', 'main/4'), stages: relocating },
  'move of a shard': { before: [shard('LOG', 2)], change: () => move('LOG/Shard2', 'main/4'), stages: relocating },
  upgrade: { before: [], change: upgrade, stages: relocating },
  'upgrade of a sharded agent': { before: [shard('LOG', 3)], change: upgrade, stages: relocating },
  'nested transform': { before: [shard('LOG', 2)], change: () => shard('LOG/Shard1', 2), stages: replacing },
  'change around a nested transform': {
    before: [shard('LOG', 2), shard('LOG/Shard1', 2)],
    change: () => shard('LOG', 3),
    stages: replacing,
  },
}

function scenarioOf(kind: Kind, seed: number): { scenario: Scenario; change: ChangeRequest } {
  const scenario = new Scenario(seed)
  // Everybody becomes a client before the first change.
  for (let count = 0; count < 200; count++) {
    scenario.append()
    scenario.lab.step()
  }
  for (const change of kind.before) expectDone(scenario.change(change))
  return { scenario, change: kind.change(scenario) }
}

function expectDone(outcome: ChangeOutcome): void {
  expect(outcome.ok, outcome.ok ? '' : outcome.message).toBe(true)
}

/** Whatever has happened, the next changes work. */
function expectChangesToWork(scenario: Scenario): void {
  scenario.rest()
  expectDone(scenario.change(shard('LOG', 4)))
  expectDone(scenario.change({ verb: 'untransform', id: 'LOG' }))
}

/** The change ended before its commit: the old layout runs on as if nothing had been tried. */
function expectOldLayout(
  scenario: Scenario,
  change: ChangeRequest,
  before: unknown,
  reason: RegExp | string,
  run: () => void = () => {},
): void {
  const outcome = scenario.change(change, run)
  expect(outcome).toMatchObject({ ok: false, code: 'plan-failed' })
  if (!outcome.ok) expect(outcome.message).toMatch(reason)
  expect(scenario.layout).toEqual(before)
}

const cases = Object.entries(kinds).flatMap(([name, kind]) => kind.stages.map((stage) => ({ name, kind, stage })))

const bodyOf = <Body>(message: Message, type: string): Body | undefined =>
  message.type === type ? (message.body as Body) : undefined
const operationOf = (message: Message) => bodyOf<OperationMessage>(message, 'operation')?.operation.stage
const ackOf = (message: Message) => bodyOf<AckMessage>(message, 'ack')?.stage

afterEach(() => sabotaged.clear())

describe('the scenario', () => {
  const move: Kind = kinds.move as Kind

  it.each(['lost', 'doubled'] as const)('finds out that an entry was %s', (fault) => {
    const { scenario, change } = scenarioOf(move, 1)
    let done = false
    scenario.lab.filter = (message) => {
      if (message.type !== 'append' || done) return [message]
      done = true
      // The runtime would see through a repeated number.
      return fault === 'lost' ? [{ ...message, kind: 'tell', type: '$void' }] : [message, { ...message, sequence: 0 }]
    }
    expectDone(scenario.change(change))
    expect(done).toBe(true)
    scenario.lab.until(() => scenario.stage === undefined)
    expect(() => scenario.expectNothingLost()).toThrow()
  })

  it('finds out that an agent was left behind', () => {
    const { scenario, change } = scenarioOf(move, 2)
    expectDone(scenario.change(change))
    scenario.lab
      .host(BYSTANDER)
      .addCell({ id: 'LOG/Shard1', serial: 999, self: 'LOG', definition: undefined, status: 'held' })
    expect(() => scenario.expectNothingLeft()).toThrow(/LOG\/Shard1/)
  })
})

describe('a message of a plan that is lost once is sent again', () => {
  it.each(cases)('$name: acknowledgement of $stage', ({ kind, stage }) => {
    const { scenario, change } = scenarioOf(kind, 11)
    let lost = 0
    scenario.lab.filter = (message) => {
      const is = stage === 'drain' ? message.type === 'drained' : ackOf(message) === stage
      return is && lost++ === 0 ? [] : [message]
    }
    expectDone(scenario.change(change))
    expect(lost).toBeGreaterThan(stage === 'drain' ? 0 : 1)
    expectChangesToWork(scenario)
    scenario.expectNothingLost()
    scenario.expectNothingLeft()
  })

  it.each(cases.filter(({ stage }) => stage !== 'drain' && stage !== 'retire'))(
    '$name: operation $stage',
    ({ kind, stage }) => {
      const { scenario, change } = scenarioOf(kind, 12)
      let lost = 0
      scenario.lab.filter = (message) => (operationOf(message) === stage && lost++ === 0 ? [] : [message])
      expectDone(scenario.change(change))
      expect(lost).toBeGreaterThan(1)
      expectChangesToWork(scenario)
      scenario.expectNothingLost()
      scenario.expectNothingLeft()
    },
  )

  it.each(Object.entries(kinds))('%s: operation and acknowledgement of the way back', (_, kind) => {
    const { scenario, change } = scenarioOf(kind, 13)
    const before = scenario.layout
    let lost = 0
    scenario.lab.filter = (message) => {
      if (ackOf(message) === 'carry') return []
      return (operationOf(message) === 'abort' || ackOf(message) === 'abort') && lost++ < 2 ? [] : [message]
    }
    expectOldLayout(scenario, change, before, /carry took longer/)
    expect(lost).toBeGreaterThan(2)
    scenario.lab.filter = (message) => [message]
    expectChangesToWork(scenario)
    scenario.expectNothingLost()
    scenario.expectNothingLeft()
  })
})

describe('a plan that gets no answer before its commit is given up, and says what it waited for', () => {
  const uncommitted = cases.filter(({ stage }) => !isCommitted(stage))

  it.each(uncommitted)('$name: $stage', ({ kind, stage }) => {
    const { scenario, change } = scenarioOf(kind, 21)
    const before = scenario.layout
    let deaf: Place | undefined
    scenario.lab.filter = (message, from, to) => {
      if (stage === 'drain') {
        if (message.type !== 'drained') return [message]
        deaf ??= from
        return from === deaf ? [] : [message]
      }
      if (operationOf(message) !== stage) return [message]
      deaf ??= to
      return to === deaf ? [] : [message]
    }
    const waitedFor = stage === 'drain' ? 'LOG.* to come to rest' : 'main/\\d'
    expectOldLayout(
      scenario,
      change,
      before,
      new RegExp(`^${stage} took longer than ${PLAN_TIMEOUT_MS} ms; it waited for ${waitedFor}`),
    )
    scenario.lab.filter = (message) => [message]
    expectChangesToWork(scenario)
    scenario.expectNothingLost()
    scenario.expectNothingLeft()
  })

  it.each(Object.entries(kinds))('%s: state that does not arrive', (_, kind) => {
    const { scenario, change } = scenarioOf(kind, 22)
    const before = scenario.layout
    let lost = 0
    scenario.lab.filter = (message) => (message.type === '$carry' && ++lost > 0 ? [] : [message])
    const outcome = scenario.change(change)
    // An agent that is upgraded in its place has no way to go.
    expect(outcome.ok).toBe(lost === 0)
    if (!outcome.ok) expect(outcome.message).toMatch(/carry took longer/)
    if (lost > 0) expect(scenario.layout).toEqual(before)
    scenario.lab.filter = (message) => [message]
    expectChangesToWork(scenario)
    scenario.expectNothingLost()
    scenario.expectNothingLeft()
  })
})

describe('an operation that a thread refuses', () => {
  const refusable = cases.filter(({ stage }) => stage !== 'drain' && stage !== 'retire')

  it.each(refusable)('$name: $stage', ({ kind, stage }) => {
    const { scenario, change } = scenarioOf(kind, 31)
    const before = scenario.layout
    let refused = 0
    scenario.lab.filter = (message) => {
      if (ackOf(message) !== stage || refused++ > 0) return [message]
      return [
        {
          ...message,
          body: { ...(message.body as AckMessage), error: { code: 'cannot-start', message: 'out of luck' } },
        },
      ]
    }
    // After the commit there is no way back, and the thread has done what it could.
    if (isCommitted(stage)) expectDone(scenario.change(change))
    else expectOldLayout(scenario, change, before, new RegExp(`^${stage} on main/\\d: out of luck`))
    expectChangesToWork(scenario)
    scenario.expectNothingLost()
    scenario.expectNothingLeft()
  })
})

describe('foreign code that throws', () => {
  const frailties: readonly [string, Frailty, Stage][] = [
    ['transform', 'init of a proxy', 'start'],
    ['transform', 'lower', 'carry'],
    ['transform', 'split', 'carry'],
    ['change of options', 'init of a proxy', 'start'],
    ['change of options', 'divide', 'carry'],
    ['change of options', 'combine', 'carry'],
    ['change of options', 'split', 'carry'],
    ['change of options', 'merge', 'carry'],
    ['untransform', 'lift', 'carry'],
    ['untransform', 'merge', 'carry'],
    ['move of a shard', 'init of a proxy', 'start'],
    ['upgrade', 'migrate', 'carry'],
    ['upgrade of a sharded agent', 'migrate', 'carry'],
    ['nested transform', 'lower', 'carry'],
    ['change around a nested transform', 'lift', 'carry'],
    ['change around a nested transform', 'lower', 'carry'],
  ]

  it.each(frailties)('%s: %s', (name, frailty, stage) => {
    const { scenario, change } = scenarioOf(kinds[name] as Kind, 41)
    const before = scenario.layout
    sabotaged.add(frailty)
    expectOldLayout(scenario, change, before, new RegExp(`^${stage} on main/\\d: .*${frailty} is sabotaged`))
    sabotaged.clear()
    expectChangesToWork(scenario)
    scenario.expectNothingLost()
    scenario.expectNothingLeft()
  })

  it.each(Object.entries(kinds))('%s: code that cannot be loaded', (_, kind) => {
    const { scenario, change } = scenarioOf(kind, 42)
    const before = scenario.layout
    const { starts } = scenario.preview(change)
    const { effects } = scenario.lab.host([...starts].at(-1) as Place).options
    const { load } = effects
    const fresh = scenario.lab.host([...starts].at(-1) as Place)
    let asked = 0
    const pendingFailures: (() => void)[] = []
    effects.load = () => {
      asked++
      pendingFailures.push(() =>
        fresh.reconfiguration.starting.codeLoaded(new OvidError('code-not-found', 'no such module')),
      )
    }
    const outcome = scenario.change(change, () => pendingFailures.shift()?.())
    effects.load = load
    // A thread that has the code already asks for none.
    expect(outcome.ok).toBe(asked === 0)
    if (!outcome.ok) {
      expect(outcome.message).toMatch(/^start on main\/\d: no such module/)
      expect(scenario.layout).toEqual(before)
    }
    expectChangesToWork(scenario)
    scenario.expectNothingLost()
    scenario.expectNothingLeft()
  })
})

describe('a thread that ends', () => {
  const crashAt = (scenario: Scenario, stage: Stage, place: Place) => () => {
    if (scenario.stage === stage && !scenario.lab.dead.has(place)) scenario.lab.crash(place)
  }
  /** Whether a change failed because of the thread. By the time the controller hears of it, the plan may be further. */
  const expectLost = (outcome: ChangeOutcome, place: Place) => {
    if (!outcome.ok)
      expect(outcome).toMatchObject({
        code: 'plan-failed',
        message: expect.stringMatching(`^${place} was lost during `),
      })
    return outcome.ok
  }

  it.each(cases)('$name, $stage: and has no part in the change does not disturb it', ({ kind, stage }) => {
    const { scenario, change } = scenarioOf(kind, 51)
    expectDone(scenario.change(change, crashAt(scenario, stage, BYSTANDER)))
    expectChangesToWork(scenario)
    scenario.expectNothingLost()
    scenario.expectNothingLeft()
  })

  it.each(cases)(
    '$name, $stage: and was to get a new agent takes nothing with it before the commit',
    ({ kind, stage }) => {
      const { scenario, change } = scenarioOf(kind, 52)
      const before = scenario.layout
      const { starts } = scenario.preview(change)
      const place = [...starts].find((each) => before.every((leaf) => leaf.place !== each))
      if (place === undefined) return
      const isCommitted = expectLost(scenario.change(change, crashAt(scenario, stage, place)), place)
      if (isCommitted) {
        scenario.expectNothingDoubled()
      } else {
        expect(scenario.layout).toEqual(before)
        expectChangesToWork(scenario)
        scenario.expectNothingLost()
      }
      scenario.expectNothingLeft()
    },
  )

  it.each(cases)('$name, $stage: and had an old agent takes no more than that with it', ({ kind, stage }) => {
    const { scenario, change } = scenarioOf(kind, 53)
    const { stops } = scenario.preview(change)
    const place = [...stops].find((each) => each !== 'main/0' && each !== CLIENTS) as Place
    expectLost(scenario.change(change, crashAt(scenario, stage, place)), place)
    scenario.expectNothingDoubled()
    scenario.expectNothingLeft()
  })

  it.each(cases)('$name, $stage: and had clients stands in the way of no later change', ({ kind, stage }) => {
    const { scenario, change } = scenarioOf(kind, 54)
    const { lab } = scenario
    expectLost(scenario.change(change, crashAt(scenario, stage, CLIENTS)), CLIENTS)
    if (!lab.dead.has(CLIENTS)) lab.crash(CLIENTS)
    expectChangesToWork(scenario)
    scenario.expectNothingLost()
    scenario.expectNothingLeft()
  })
})
