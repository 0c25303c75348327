import type { Benchmark } from '../benchmark.js'
import { idleAgents, idleCpu } from './idle.js'
import { micro } from './micro.js'
import { onewayThread, onewayThreads } from './oneway.js'
import { pause1MiB } from './pause.js'
import { putShard2, putThread, putThreads } from './put.js'

/** Every benchmark, in the order they run. */
export const benchmarks: readonly Benchmark[] = [
  micro,
  putThread,
  putThreads,
  putShard2,
  onewayThread,
  onewayThreads,
  pause1MiB,
  idleCpu,
  idleAgents,
]
