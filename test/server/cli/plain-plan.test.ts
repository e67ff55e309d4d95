import { describe, expect, it } from "@jest/globals";
import { plainPlan } from "../../../server/cli/plain-plan.ts";

const markdown = `# DEFT AOI plan 8c483a9f1c0a

## Warnings

- The KPI set is small for its target: a recall of 99% needs 299 defective rows without a miss.

## Run

| Setting | Value | Source |
|---|---|---|
| Platform | embedded (\`0.1\`) | user |
| Seed **(changed)** | 7 | user |
| Evaluator | a \\| b |  |

## Approval

Approve plan \`8c483a9f1c0a\` once.
`;

describe("a plan at a terminal", () => {
  it("is read as columns, without what an agent is told", () => {
    expect(plainPlan(markdown, 60)).toBe(`DEFT AOI plan 8c483a9f1c0a

Warnings

- The KPI set is small for its target: a recall of 99% needs
  299 defective rows without a miss.

Run

  Platform        embedded (0.1) (user)
  Seed (changed)  7 (user)
  Evaluator       a | b
`);
  });

  it("is broken at blanks alone, however narrow the terminal is", () => {
    const lines = plainPlan(markdown, 10).split("\n");
    expect(lines.join(" ").replaceAll(/\s+/g, " ")).toContain("needs 299 defective rows without a miss.");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(48);
  });
});
