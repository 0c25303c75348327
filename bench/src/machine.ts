import { cpus, loadavg, totalmem } from 'node:os'

export interface Machine {
  readonly node: string
  readonly platform: string
  readonly processor: string
  readonly cores: number
  readonly memoryMiB: number
  /** One-minute load average when the run began: figures from a busy machine say little. */
  readonly load: number
}

export function describeMachine(): Machine {
  const [first] = cpus()
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    processor: first?.model ?? 'unknown',
    cores: cpus().length,
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    load: Number((loadavg()[0] ?? 0).toFixed(2)),
  }
}

export function printMachine(machine: Machine): string {
  const { node, platform, processor, cores, memoryMiB, load } = machine
  return `Node ${node.slice(1)}, ${platform}, ${cores} × ${processor}, ${memoryMiB} MiB, load ${load}`
}
