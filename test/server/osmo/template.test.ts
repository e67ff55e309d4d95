import { describe, expect, it } from "@jest/globals";
import { renderWorkflow, TemplateTooRich, templateTokens, variablesOf } from "../../../server/osmo/template.ts";
import { refusalOf } from "../../support/refusal.ts";

const gate = `{% if use|string|lower not in ["true", "1", "yes"] %}train{% else %}pass{% endif %}`;
const swap = `{% if uc == "glass" and step == '14000' %}9000{% elif uc == "metal" and step == '14000' %}10000{% else %}{{ step }}{% endif %}`;

describe("rendering a workflow section", () => {
  it.each([
    ["true", "pass"],
    ["TRUE", "pass"],
    ["yes", "pass"],
    ["false", "train"],
    ["y", "train"],
    ["1.0", "train"],
  ])("the gate with %s gives %s", (use, text) => {
    expect(renderWorkflow(gate, variablesOf({}, {}, { use }))).toBe(text);
  });

  it("a number from --set passes the gate as its text", () => {
    expect(renderWorkflow(gate, variablesOf({}, { use: "1" }, {}))).toBe("pass");
  });

  it("the default step is swapped, an explicit --set of the same number is not", () => {
    const defaults = { uc: "pcb", step: "14000" };
    expect(renderWorkflow(swap, variablesOf(defaults, {}, { uc: "glass" }))).toBe("9000");
    expect(renderWorkflow(swap, variablesOf(defaults, {}, { uc: "metal" }))).toBe("10000");
    expect(renderWorkflow(swap, variablesOf(defaults, { step: "14000" }, { uc: "glass" }))).toBe("14000");
    expect(renderWorkflow(swap, variablesOf(defaults, {}, { uc: "glass", step: "14000" }))).toBe("9000");
  });

  it("reserved tokens stay, with inner blanks they are variables", async () => {
    expect(renderWorkflow("a: {{output}} {{input:0}} {{input:image-edit}}", new Map())).toBe(
      "a: {{output}} {{input:0}} {{input:image-edit}}",
    );
    const refusal = await refusalOf(() => renderWorkflow("{{ output }}", new Map()));
    expect(refusal.facts).toEqual({ knob: "output" });
  });

  it("an undefined variable is refused by name, also inside a branch that is taken", async () => {
    expect((await refusalOf(() => renderWorkflow("n: {{ name }}", new Map()))).facts.knob).toBe("name");
    expect(renderWorkflow(`{% if a == "x" %}{{ name }}{% endif %}`, variablesOf({ a: "y" }, {}, {}))).toBe("");
  });

  it("more of Jinja than equality and membership is not guessed at", () => {
    for (const text of ["{% for x in y %}", "{{ a|upper }}", "{% if a > 1 %}{% endif %}"]) {
      expect(() => renderWorkflow(text, variablesOf({ a: "1", y: "1" }, {}, {}))).toThrow(TemplateTooRich);
    }
  });

  it("template marks in mounted text are found", () => {
    expect(templateTokens("echo $" + "{#list[@]} {{ x }} {% y %}")).toEqual(["{#", "{{", "{%"]);
    expect(templateTokens("echo $" + "{list# } } }")).toEqual([]);
  });
});
