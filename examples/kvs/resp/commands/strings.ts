import type { Value } from '../../store/values.js'
import { Failure, ok, type Reply } from '../reply.js'
import {
  type Asking,
  allAreKeys,
  ask,
  askEach,
  type Command,
  firstIsKey,
  futureLifeIn,
  integerIn,
  keyIn,
  valueIn,
  wrongArity,
} from './command.js'

type Arguments = readonly Buffer[]
/** Arguments of a command whose arity was checked. */
type One = readonly [Buffer]
type Two = readonly [Buffer, Buffer]
type Three = readonly [Buffer, Buffer, Buffer]

const asIs = (value: Value | null): Reply => value

/** Commands about values. */
export const strings: readonly Command[] = [
  { name: 'get', arity: 2, flags: ['readonly', 'fast'], keys: firstIsKey, run: get },
  { name: 'mget', arity: -2, flags: ['readonly', 'fast'], keys: allAreKeys, run: getMany },
  { name: 'set', arity: -3, flags: ['write', 'denyoom'], keys: firstIsKey, run: set },
  { name: 'setnx', arity: 3, flags: ['write', 'denyoom', 'fast'], keys: firstIsKey, run: setIfAbsent },
  { name: 'setex', arity: 4, flags: ['write', 'denyoom'], keys: firstIsKey, run: setFor('setex', 1000) },
  { name: 'psetex', arity: 4, flags: ['write', 'denyoom'], keys: firstIsKey, run: setFor('psetex', 1) },
  { name: 'getset', arity: 3, flags: ['write', 'denyoom', 'fast'], keys: firstIsKey, run: exchange },
  { name: 'getdel', arity: 2, flags: ['write', 'fast'], keys: firstIsKey, run: take },
  { name: 'mset', arity: -3, flags: ['write', 'denyoom'], keys: [1, -1, 2], run: setMany },
  { name: 'append', arity: 3, flags: ['write', 'denyoom', 'fast'], keys: firstIsKey, run: append },
  { name: 'strlen', arity: 2, flags: ['readonly', 'fast'], keys: firstIsKey, run: length },
  { name: 'incr', arity: 2, flags: ['write', 'denyoom', 'fast'], keys: firstIsKey, run: (args) => add(args, 1n) },
  { name: 'decr', arity: 2, flags: ['write', 'denyoom', 'fast'], keys: firstIsKey, run: (args) => add(args, -1n) },
  { name: 'incrby', arity: 3, flags: ['write', 'denyoom', 'fast'], keys: firstIsKey, run: increaseBy },
  { name: 'decrby', arity: 3, flags: ['write', 'denyoom', 'fast'], keys: firstIsKey, run: decreaseBy },
]

function get(args: Arguments): Asking {
  const key = keyIn((args as One)[0])
  return ask((store) => store.get({ key }), asIs)
}

function getMany(args: Arguments): Asking {
  return askEach(
    args.map((bytes) => (store) => store.get({ key: keyIn(bytes) })),
    (values) => values,
  )
}

function set(args: Arguments): Asking {
  const [keyBytes, valueBytes] = args as Two
  const key = keyIn(keyBytes)
  const value = valueIn(valueBytes)
  if (args.length === 2)
    return ask(
      (store) => store.put({ key, value }),
      () => ok,
    )
  const options = setOptions(args.slice(2))
  return ask(
    (store) => store.set({ key, value, ...options }),
    ({ done, previous }) => (options.returnPrevious === true ? previous : done ? ok : null),
  )
}

interface SetOptions {
  when?: 'absent' | 'present'
  expireInMs?: number
  keepExpiry?: boolean
  returnPrevious?: boolean
}

/** Reads NX | XX, GET, and EX seconds | PX milliseconds | KEEPTTL, in any order. */
function setOptions(words: Arguments): SetOptions {
  const options: SetOptions = {}
  let life: { readonly unitMs: 1 | 1000; readonly bytes: Buffer } | undefined
  for (let index = 0; index < words.length; index++) {
    const word = (words[index] as Buffer).toString('latin1').toUpperCase()
    const next = words[index + 1]
    const unitMs = word === 'EX' ? 1000 : 1
    if (word === 'NX' && options.when !== 'present') options.when = 'absent'
    else if (word === 'XX' && options.when !== 'absent') options.when = 'present'
    else if (word === 'GET') options.returnPrevious = true
    else if (word === 'KEEPTTL' && life === undefined) options.keepExpiry = true
    else if (
      (word === 'EX' || word === 'PX') &&
      next !== undefined &&
      !options.keepExpiry &&
      (life?.unitMs ?? unitMs) === unitMs
    ) {
      life = { unitMs, bytes: next }
      index++
    } else throw new Failure('ERR syntax error')
  }
  // Last: what is no option at all is told before what is no time.
  if (life !== undefined) options.expireInMs = futureLifeIn(life.bytes, life.unitMs, 'set')
  return options
}

function setIfAbsent(args: Arguments): Asking {
  const [key, value] = args as Two
  const message = { key: keyIn(key), value: valueIn(value), when: 'absent' } as const
  return ask(
    (store) => store.set(message),
    ({ done }) => (done ? 1 : 0),
  )
}

function setFor(name: string, unitMs: 1 | 1000): (args: Arguments) => Asking {
  return (args) => {
    const [key, life, value] = args as Three
    const message = { key: keyIn(key), value: valueIn(value), expireInMs: futureLifeIn(life, unitMs, name) }
    return ask(
      (store) => store.set(message),
      () => ok,
    )
  }
}

function exchange(args: Arguments): Asking {
  const [key, value] = args as Two
  const message = { key: keyIn(key), value: valueIn(value), returnPrevious: true }
  return ask(
    (store) => store.set(message),
    ({ previous }) => previous,
  )
}

function take(args: Arguments): Asking {
  const key = keyIn((args as One)[0])
  return ask((store) => store.take({ key }), asIs)
}

function setMany(args: Arguments): Asking {
  if (args.length % 2 !== 0) throw wrongArity('mset')
  const pairs = Array.from({ length: args.length / 2 }, (_, index) => args.slice(2 * index, 2 * index + 2))
  return askEach(
    (pairs as unknown as Two[]).map(
      ([key, value]) =>
        (store) =>
          store.put({ key: keyIn(key), value: valueIn(value) }),
    ),
    () => ok,
  )
}

function append(args: Arguments): Asking {
  const [key, value] = args as Two
  const message = { key: keyIn(key), value: valueIn(value) }
  return ask(
    (store) => store.append(message),
    (bytes) => bytes,
  )
}

function length(args: Arguments): Asking {
  const key = keyIn((args as One)[0])
  return ask(
    (store) => store.length({ key }),
    (bytes) => bytes,
  )
}

function increaseBy(args: Arguments): Asking {
  return add(args, integerIn((args as Two)[1]))
}

function decreaseBy(args: Arguments): Asking {
  const by = integerIn((args as Two)[1])
  // Its opposite is no 64-bit integer.
  if (by === -(2n ** 63n)) throw new Failure('ERR decrement would overflow')
  return add(args, -by)
}

function add(args: Arguments, by: bigint): Asking {
  // A number where it is exact: cheaper to carry than a bigint.
  const exact = by >= Number.MIN_SAFE_INTEGER && by <= Number.MAX_SAFE_INTEGER
  const message = { key: keyIn((args as One)[0]), by: exact ? Number(by) : by }
  return ask((store) => store.increment(message), BigInt)
}
