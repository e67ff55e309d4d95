import { valuesOf } from "../../run/platform-settings.ts";
import { halt, ok } from "../findings.ts";
import type { Findings, Step } from "../survey.ts";

/** The Python environment that TAO would run from: its interpreter starts, and its console scripts start that one. */
export const hostPythonStep: Step = {
  id: "python",
  title: "Python environment",
  async look({ executor, settings, program, signal }): Promise<Findings> {
    if (executor?.look === undefined || program !== "tao") return {};
    const environment = await executor.look(valuesOf(settings ?? {}), signal);
    const { venv, broken, scripts, python } = environment;
    const found = { environment };
    if (broken !== undefined && broken.kind !== "crashed") {
      const fix = fixes[broken.kind];
      return { found, checks: [halt("executor.environment", `${venv}: ${broken.detail}`, fix(venv))] };
    }
    const script = scripts.visual_changenet ?? "absent";
    if (script !== "ok") {
      const fix =
        script === "absent"
          ? `Install nvidia-tao-pytorch with ${venv}/bin/python -m pip install --no-deps, which makes the script.`
          : "An environment cannot be moved: make it again where it is to stay, or restore its path.";
      return { found, checks: [halt("executor.environment", `${venv}/bin/visual_changenet is ${script}`, fix)] };
    }
    if (broken !== undefined) {
      const fix = broken.after === "mpi" ? mpiFix(venv) : crashFix(venv);
      return { found, checks: [halt("executor.environment", `${venv}: ${broken.detail}`, fix)] };
    }
    return ok(`Python ${python?.version} of ${venv}`, { found });
  },
};

const fixes = {
  "no-folder": (_venv: string) => "Name the folder of the environment, the one that holds bin/ and pyvenv.cfg.",
  "no-interpreter": (venv: string) =>
    `Make ${venv}/bin/python: TAO starts its interpreter by that name, python3 is not enough.`,
  "no-start": (_venv: string) => "Make the environment again with an interpreter that this host has.",
};

const crashFix = (venv: string) =>
  `Run ${venv}/bin/python -X faulthandler -c 'import torch' to see where it ends, and mend that package.`;
const mpiFix = (venv: string) =>
  `${venv}/bin/python -m pip uninstall mpi4py, or give the server the OMPI_MCA_ settings by which MPI starts here.`;
