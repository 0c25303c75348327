// What a pure file may not do. Works on the syntax tree, so comments, strings, types and names of members do not matter.
import { dirname, resolve, sep } from 'node:path'
import ts from 'typescript'

/**
 * @typedef {object} Boundary
 * @property {readonly string[]} folders absolute paths of the folders that relative imports may lead into
 * @property {readonly string[]} modules external modules that may be imported
 *
 * @typedef {{ line: number, message: string }} Finding `line` counts from 1
 */

/** Globals that no pure file may use as values. Their types are harmless. */
const impureGlobals = new Set([
  'Atomics',
  'FinalizationRegistry',
  'Promise',
  'WeakRef',
  'clearImmediate',
  'clearInterval',
  'clearTimeout',
  'console',
  'crypto',
  'eval',
  'fetch',
  'globalThis',
  'performance',
  'process',
  'queueMicrotask',
  'require',
  'setImmediate',
  'setInterval',
  'setTimeout',
])

/**
 * Lists what is impure in one file.
 *
 * @param {string} path absolute
 * @param {string} text
 * @param {Boundary} boundary
 * @returns {Finding[]} in the order of the file
 */
export function checkPurity(path, text, boundary) {
  const { file, isGlobal } = parse(path, text)
  /** @type {Finding[]} */
  const findings = []
  /** @param {ts.Node} node */
  const visit = (node) => {
    const message = impurityOf(node, path, boundary, isGlobal)
    if (message !== undefined) {
      findings.push({ line: file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1, message })
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return findings
}

/**
 * One file alone, without any library: a name that resolves to nothing in it is a global.
 *
 * @param {string} path
 * @param {string} text
 */
function parse(path, text) {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true)
  const host = {
    ...ts.createCompilerHost({}),
    getSourceFile: (/** @type {string} */ name) => (name === path ? file : undefined),
  }
  const options = { noLib: true, noResolve: true, types: [], target: ts.ScriptTarget.ESNext }
  const checker = ts.createProgram([path], options, host).getTypeChecker()
  /** @param {ts.Identifier} identifier */
  const isGlobal = (identifier) => {
    const symbol = ts.isShorthandPropertyAssignment(identifier.parent)
      ? checker.getShorthandAssignmentValueSymbol(identifier.parent)
      : checker.getSymbolAtLocation(identifier)
    return (symbol?.declarations ?? []).every((declaration) => declaration.getSourceFile() !== file)
  }
  return { file, isGlobal }
}

/**
 * @param {ts.Node} node
 * @param {string} path
 * @param {Boundary} boundary
 * @param {(identifier: ts.Identifier) => boolean} isGlobal
 * @returns {string | undefined}
 */
function impurityOf(node, path, boundary, isGlobal) {
  const specifier = importedModule(node)
  if (specifier !== undefined) return impureImport(specifier, path, boundary)
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    return 'import() loads code while the program runs'
  }
  if (ts.isAwaitExpression(node) || (ts.isForOfStatement(node) && node.awaitModifier !== undefined)) {
    return 'await: pure code is synchronous'
  }
  if (node.kind === ts.SyntaxKind.AsyncKeyword) return 'async: pure code is synchronous'
  if (ts.isIdentifier(node) && isValue(node) && isGlobal(node)) return impureGlobal(node)
  return undefined
}

/**
 * The module a declaration imports or re-exports from, types included.
 *
 * @param {ts.Node} node
 * @returns {string | undefined}
 */
function importedModule(node) {
  if (ts.isImportTypeNode(node)) {
    return ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)
      ? node.argument.literal.text
      : undefined
  }
  if (!ts.isImportDeclaration(node) && !ts.isExportDeclaration(node)) return undefined
  return node.moduleSpecifier !== undefined && ts.isStringLiteral(node.moduleSpecifier)
    ? node.moduleSpecifier.text
    : undefined
}

/**
 * @param {string} specifier
 * @param {string} path
 * @param {Boundary} boundary
 */
function impureImport(specifier, path, { folders, modules }) {
  if (specifier.startsWith('node:')) return `imports ${specifier}: pure code does no I/O`
  if (!specifier.startsWith('.')) {
    return modules.includes(specifier) ? undefined : `imports ${specifier}, which is not on the list of pure modules`
  }
  const target = resolve(dirname(path), specifier)
  const isPure = folders.some((folder) => target.startsWith(folder + sep))
  return isPure ? undefined : `imports ${specifier}, which is in no pure folder`
}

/**
 * Whether an identifier is read as a value, rather than part of a type or the name of a member. Names that are declared
 * need no care: they are no globals.
 *
 * @param {ts.Identifier} node
 */
function isValue(node) {
  const { parent } = node
  if (ts.findAncestor(node, isTypeAlone) !== undefined) return false
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node
  return !(ts.isBindingElement(parent) && parent.propertyName === node)
}

/**
 * A class that extends another is a use of it; an interface that does, or a class that implements one, is not.
 *
 * @param {ts.Node} node
 */
function isTypeAlone(node) {
  if (!ts.isExpressionWithTypeArguments(node)) return ts.isTypeNode(node)
  const clause = node.parent
  if (!ts.isHeritageClause(clause)) return false
  return clause.token === ts.SyntaxKind.ImplementsKeyword || ts.isInterfaceDeclaration(clause.parent)
}

/**
 * @param {ts.Identifier} node a global, used as a value
 * @returns {string | undefined}
 */
function impureGlobal(node) {
  if (isRecognised(node)) return undefined
  if (impureGlobals.has(node.text)) return `uses ${node.text}`
  if (node.text === 'Date')
    return isPureUseOfDate(node) ? undefined : 'uses Date to tell the time: take it from the context'
  if (node.text === 'Math') return isPureUseOfMath(node) ? undefined : 'uses Math.random: take chance from the context'
  return undefined
}

/**
 * To ask whether a value is a promise or a date is to do nothing with the outside world.
 *
 * @param {ts.Identifier} node
 */
function isRecognised({ parent }) {
  return ts.isBinaryExpression(parent) && parent.operatorToken.kind === ts.SyntaxKind.InstanceOfKeyword
}

/**
 * A given moment may be made, read and compared; the present one may not be asked for.
 *
 * @param {ts.Identifier} node
 */
function isPureUseOfDate(node) {
  const { parent } = node
  if (ts.isNewExpression(parent)) return parent.expression === node && (parent.arguments?.length ?? 0) > 0
  if (ts.isPropertyAccessExpression(parent)) return parent.name.text !== 'now'
  return ts.isBinaryExpression(parent) && comparisons.has(parent.operatorToken.kind)
}

const comparisons = new Set([ts.SyntaxKind.EqualsEqualsEqualsToken, ts.SyntaxKind.ExclamationEqualsEqualsToken])

/** @param {ts.Identifier} node */
function isPureUseOfMath({ parent }) {
  return ts.isPropertyAccessExpression(parent) && parent.name.text !== 'random'
}
