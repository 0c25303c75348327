import { dispatch, query, type Ref, spawn, start, stop } from 'nact'
import type { Side } from '../benchmark.js'
import { keyAt, VALUE } from '../puts.js'
import { timeBatches, timeEach } from '../samples.js'

interface Put {
  readonly type: 'put' | 'add' | 'added'
  readonly key: string
  readonly value: string
  readonly sender?: Ref<unknown>
}

function openActor() {
  const system = start()
  const actor = spawn(
    system,
    (state: { entries: Map<string, string>; added: number }, message: Put) => {
      if (message.type === 'put') state.entries.set(message.key, message.value)
      else if (message.type === 'add') state.added++
      if (message.sender !== undefined) dispatch(message.sender, message.type === 'put' ? true : state.added)
      return state
    },
    'kvs',
    { initialState: { entries: new Map<string, string>(), added: 0 } },
  )
  const ask = (type: Put['type'], key: string, value: string) =>
    query(actor, (sender: Ref<unknown>) => ({ type, key, value, sender }), 60_000)
  const close = async () => stop(system)
  return { actor, ask, close }
}

/** PUTs one after the other to a nact actor. */
export function nactQuery(count: number): Side {
  const { ask, close } = openActor()
  const put = (index: number) => ask('put', keyAt(index), VALUE)
  return { name: 'nact, query', round: () => timeEach(count, put), close }
}

/** Messages that want no answer, in batches, the end of each confirmed. */
export function nactDispatch(batches: number, size: number): Side {
  const { actor, ask, close } = openActor()
  const batch = (each: number) => {
    for (let index = 0; index < each; index++) dispatch(actor, { type: 'add', key: keyAt(index), value: VALUE })
    return ask('added', '', '')
  }
  return { name: 'nact, dispatch', round: () => timeBatches(batches, size, batch), close }
}
