import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { anchors, codeBlocks, deadLinks } from './markdown.fixture.js'
import { root, runOvid } from './ovid-process.fixture.js'

const skipped = new Set(['node_modules', 'dist', '.git', '.cache'])

/** Paths of all files below a directory, relative to the root. */
function filesBelow(directory: string): string[] {
  return readdirSync(join(root, directory), { withFileTypes: true }).flatMap((entry) => {
    const path = directory === '' ? entry.name : `${directory}/${entry.name}`
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : filesBelow(path)
    return [path]
  })
}

function read(path: string): string | undefined {
  try {
    return statSync(join(root, path)).isDirectory() ? '' : readFileSync(join(root, path), 'utf8')
  } catch {
    return undefined
  }
}

const files = filesBelow('')
const pages = files.filter((path) => path.endsWith('.md')).map((path) => ({ path, text: read(path) ?? '' }))
const blocks = pages.flatMap(({ path, text }) => codeBlocks(text).map((block) => ({ path, ...block })))

describe('the documentation', () => {
  it.each(pages)('$path has no link that leads nowhere', ({ path, text }) => {
    expect(deadLinks(path, text, read)).toEqual([])
  })

  it('shows TypeScript as it stands in a file, or complete', () => {
    const shown = blocks.filter(({ language }) => language === 'ts')
    expect(shown.length).toBeGreaterThan(10)
    const wrong = shown.filter(({ about, code }) => about !== 'complete' && read(about)?.includes(code) !== true)
    expect(wrong).toEqual([])
  })

  it('shows complete TypeScript that compiles', () => {
    const complete = blocks.filter(({ language, about }) => language === 'ts' && about === 'complete')
    expect(complete.length).toBeGreaterThan(1)
    expect(complete.flatMap(({ path, code }) => faultsOf(code).map((fault) => `${path}: ${fault}`))).toEqual([])
  })

  it('names scripts of the root package only where there are such', () => {
    const { scripts } = JSON.parse(read('package.json') ?? '') as { scripts: Record<string, string> }
    const texts = pages.filter(({ path }) => /^(README|CONTRIBUTING)\.md$|^(docs|bench)\//.test(path))
    const named = texts.flatMap(({ text }) =>
      Array.from(text.matchAll(/\bnpm (?:run ([a-z:]+)|(test|start)\b)/g), ([, script, own]) => script ?? own ?? ''),
    )
    expect(new Set(named)).toContain('demo')
    expect(named.filter((script) => scripts[script] === undefined)).toEqual([])
    expect(read('README.md')).toContain('\nnpm ci && npm run demo\n')
    expect(read('README.md')).toContain('\nnpm ci && npm test\n')
  })

  it('has a line for each source file of the runtime', () => {
    const text = read('runtime/README.md') ?? ''
    const listed = (path: string) => text.includes(`](${path.slice('runtime/'.length)})`)
    const sources = files.filter(
      (path) => /^runtime\/src\/.*\.ts$/.test(path) && !/\.(test|fixture)\.ts$|\/cli\/|\/index\.ts$/.test(path),
    )
    expect(sources.length).toBeGreaterThan(50)
    const isBeside = (path: string) => path.endsWith('/ring/inbox.ts')
    expect(sources.filter((path) => !listed(path) && !isBeside(path))).toEqual([])
  })
})

describe('what the documentation has one do', () => {
  const sessions = blocks
    .filter(({ language }) => language === 'ovid')
    .map(({ path, about, code }) => ({ path, system: about, code }))
  it.each(sessions)('$path: a session with $system', async ({ system, code }) => {
    const { code: exit, output } = await runOvid(['up', system, '--script', '-'], code.trimEnd().split('\n'))
    expect(exit, output).toBe(0)
  })

  const scripts = files.filter((path) => /^examples\/.*\.ovid$/.test(path))
  it.each(scripts)('the script %s', async (script) => {
    const { code, output } = await runOvid(['up', join(dirname(script), 'system.ts'), '--script', script])
    expect(code, output).toBe(0)
  })

  it('the first program', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', 'examples/first/main.ts'], {
      cwd: root,
    })
    expect(stdout).toBe('2\n')
  })
})

it('the check of complete TypeScript finds what does not compile', () => {
  expect(
    faultsOf("import { defineAgent } from '@ovid/runtime'\nexport const kind: number = defineAgent.name\n"),
  ).toEqual(["Type 'string' is not assignable to type 'number'."])
})

describe('the check of links', () => {
  const text = '# A page\n\n## Its `code`, and more\n\n[a](b.md) [c](#its-code-and-more) `[no](link.md)`\n'
  const other = (path: string) => (path === 'docs/b.md' ? '# B\n' : undefined)

  it('finds nothing where all is well', () => {
    expect([...anchors(text)]).toEqual(['a-page', 'its-code-and-more'])
    expect(deadLinks('docs/a.md', text, other)).toEqual([])
  })

  it.each(['b.md#c', 'c.md', '#its-code', '../docs/c.md'])('finds %s, which leads nowhere', (link) => {
    expect(deadLinks('docs/a.md', `${text}[wrong](${link})\n`, other)).toEqual([link])
  })
})

/** What the compiler says of a module that stands beside the first example. */
function faultsOf(code: string): string[] {
  const path = join(root, 'examples/first/shown.ts')
  const config = ts.readConfigFile(join(root, 'tsconfig.base.json'), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, root)
  const host = ts.createCompilerHost(options)
  const { getSourceFile, fileExists } = host
  host.fileExists = (name) => name === path || fileExists.call(host, name)
  host.getSourceFile = (name, version) =>
    name === path ? ts.createSourceFile(name, code, version) : getSourceFile.call(host, name, version)
  const program = ts.createProgram([path], { ...options, noEmit: true, composite: false }, host)
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
}
