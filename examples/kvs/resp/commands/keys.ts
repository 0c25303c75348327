import { Status } from '../reply.js'
import {
  type Asking,
  allAreKeys,
  ask,
  askEach,
  type Command,
  firstIsKey,
  keyIn,
  lifeIn,
  type Store,
} from './command.js'

type Arguments = readonly Buffer[]
type One = readonly [Buffer]
type Two = readonly [Buffer, Buffer]

/** Commands about keys, whatever their values. */
export const keys: readonly Command[] = [
  { name: 'del', arity: -2, flags: ['write'], keys: allAreKeys, run: removeMany },
  { name: 'unlink', arity: -2, flags: ['write', 'fast'], keys: allAreKeys, run: removeMany },
  { name: 'exists', arity: -2, flags: ['readonly', 'fast'], keys: allAreKeys, run: countMany },
  { name: 'type', arity: 2, flags: ['readonly', 'fast'], keys: firstIsKey, run: typeOf },
  { name: 'expire', arity: 3, flags: ['write', 'fast'], keys: firstIsKey, run: expire('expire', 1000) },
  { name: 'pexpire', arity: 3, flags: ['write', 'fast'], keys: firstIsKey, run: expire('pexpire', 1) },
  { name: 'ttl', arity: 2, flags: ['readonly', 'fast'], keys: firstIsKey, run: timeToLive(1000) },
  { name: 'pttl', arity: 2, flags: ['readonly', 'fast'], keys: firstIsKey, run: timeToLive(1) },
  { name: 'persist', arity: 2, flags: ['write', 'fast'], keys: firstIsKey, run: persist },
]

function removeMany(args: Arguments): Asking {
  return count(args, (store, key) => store.delete({ key }))
}

function countMany(args: Arguments): Asking {
  return count(args, (store, key) => store.exists({ key }))
}

/** How many of the keys the answer is yes for. A key named twice counts twice, as in Redis. */
function count(args: Arguments, question: (store: Store, key: string) => Promise<boolean>): Asking {
  return askEach(
    args.map((bytes) => (store) => question(store, keyIn(bytes))),
    (answers) => answers.filter((yes) => yes).length,
  )
}

function typeOf(args: Arguments): Asking {
  const key = keyIn((args as One)[0])
  return ask(
    (store) => store.exists({ key }),
    (exists) => new Status(exists ? 'string' : 'none'),
  )
}

function expire(name: string, unitMs: 1 | 1000): (args: Arguments) => Asking {
  return (args) => {
    const [key, life] = args as Two
    const message = { key: keyIn(key), inMs: lifeIn(life, unitMs, name) }
    return ask(
      (store) => store.expire(message),
      (found) => (found ? 1 : 0),
    )
  }
}

/** -2: no such key; -1: it never expires. Seconds are rounded to the nearest, as Redis does. */
function timeToLive(unitMs: 1 | 1000): (args: Arguments) => Asking {
  return (args) => {
    const key = keyIn((args as One)[0])
    return ask(
      (store) => store.timeToLive({ key }),
      (life) => (life === null ? -2 : life.expiresInMs === null ? -1 : Math.round(life.expiresInMs / unitMs)),
    )
  }
}

function persist(args: Arguments): Asking {
  const key = keyIn((args as One)[0])
  return ask(
    (store) => store.persist({ key }),
    (changed) => (changed ? 1 : 0),
  )
}
