import { readFileSync } from 'node:fs'
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander'

/** Exit code of a process that was called in the wrong way. */
const USAGE = 2

function threadCount(text: string): number {
  const count = Number(text)
  if (!Number.isSafeInteger(count) || count < 1 || count > 128)
    throw new InvalidArgumentError('It must be a whole number from 1 to 128.')
  return count
}

function version(): string {
  return (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string })
    .version
}

/** What is imported late is not paid for by `--help` and by mistakes in the arguments. */
function program(end: (code: number) => void): Command {
  const ovid = new Command('ovid')
    .description('Runs agents, and transforms their implementation while they run.')
    .version(version())
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError('(ovid --help lists the commands)')
  const name = new Option('--name <box>', 'name of the box (default: main)')
  const threads = new Option('--threads <n>', 'worker threads (default: one per core, 2 to 8)').argParser(threadCount)
  const json = new Option('--json', 'one JSON object per command on standard output')

  ovid
    .command('up')
    .summary('start a system and open its REPL')
    .description(
      'Starts a box with a system. On a terminal it opens the REPL; otherwise it carries out the commands on standard input.',
    )
    .argument('[system]', 'module whose default export is the system (default: ./system.ts or ./system.js)')
    .addOption(name)
    .addOption(threads)
    .option(
      '--script <file>',
      'carry out the commands of a file (- is standard input), one a line; stop at the first that fails',
    )
    .addOption(json)
    .action(async (system: string | undefined, options: object) =>
      end(await (await import('./up.js')).up(system, options)),
    )

  ovid
    .command('plan')
    .summary('show what a change of a system would do')
    .description(
      "Starts a system, shows what a change would do to it, and stops it. Example: ovid plan system.ts 'transform KVS shard shards=3'",
    )
    .argument('<system>', 'module whose default export is the system')
    .argument('<change...>', 'a command of the REPL that changes the system')
    .addOption(name)
    .addOption(threads)
    .addOption(json)
    .action(async (system: string, change: string[], options: object) =>
      end(await (await import('./up.js')).planOnce(system, change.join(' '), options)),
    )

  ovid
    .command('new')
    .summary('make a starting point for an agent or a plug-in')
    .description('Makes a small agent with a system to run it, or a small plug-in, in a new folder.')
    .addArgument(new Argument('<thing>', 'what to make').choices(['agent', 'plugin']))
    .argument('<name>', 'its name, such as word-count')
    .action(async (thing: 'agent' | 'plugin', name: string) =>
      end((await import('./new/new.js')).createAndTell(thing, name)),
    )
  return ovid
}

let code = 0
try {
  await program((given) => {
    code = given
  }).parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  code = error.exitCode === 0 ? 0 : USAGE
}
// Threads and sockets of the system's own modules must not keep a command alive that has ended.
process.exit(code)
