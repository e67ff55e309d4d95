import ts from "typescript";

/**
 * The texts that a test file expects: literals and patterns in the arguments of a matcher, in the rows of a table that
 * `each` takes, and in what a red-team trick says catches it. A name is followed to its declaration in the same file.
 * Fixtures, titles and `.not` matchers do not count.
 */
export function expectedTexts(text: string): Set<string> {
  const source = ts.createSourceFile("test.ts", text, ts.ScriptTarget.Latest, true);
  const declared = declarations(source);
  const found = new Set<string>();
  const followed = new Set<ts.Node>();
  const collect = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node)) found.add(node.text);
    else if (ts.isRegularExpressionLiteral(node)) found.add(node.text);
    else if (ts.isIdentifier(node)) {
      const value = declared.get(node.text);
      if (value === undefined || followed.has(value)) return;
      followed.add(value);
      collect(value);
    } else if (!ts.isFunctionLike(node)) ts.forEachChild(node, collect);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node)) for (const part of expectationsOf(node)) collect(part);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** The arguments of a call that say what must come out. */
function expectationsOf(call: ts.CallExpression): readonly ts.Node[] {
  const { expression: callee, arguments: args } = call;
  if (ts.isIdentifier(callee) && callee.text === "trick") return args.slice(2, 3);
  if (!ts.isPropertyAccessExpression(callee)) return [];
  if (callee.name.text === "each") return args;
  return callee.name.text.startsWith("to") && isExpectation(callee.expression) ? args : [];
}

/** Whether a chain begins with `expect(...)` and nothing in it turns it round. */
function isExpectation(chain: ts.Expression): boolean {
  if (ts.isPropertyAccessExpression(chain)) return chain.name.text !== "not" && isExpectation(chain.expression);
  return ts.isCallExpression(chain) && ts.isIdentifier(chain.expression) && chain.expression.text === "expect";
}

function declarations(source: ts.SourceFile): Map<string, ts.Expression> {
  const found = new Map<string, ts.Expression>();
  const visit = (node: ts.Node): void => {
    if (ts.isVariableDeclaration(node) && ts.isIdentifier(node.name) && node.initializer !== undefined) {
      found.set(node.name.text, node.initializer);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}
