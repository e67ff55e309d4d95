import { halt, ok } from "../findings.ts";
import type { Findings, Step } from "../survey.ts";

/** TAO is installed, its release is known, and so is everything that its wheels use and do not ask for. */
export const hostPackagesStep: Step = {
  id: "packages",
  title: "Python packages",
  async look({ environment }): Promise<Findings> {
    if (environment?.packages === undefined) return {};
    const { venv, packages, torch } = environment;
    const { tao, data_services, missing } = packages;
    const pip = `${venv}/bin/python -m pip install`;
    if (missing.includes("nvidia_tao_pytorch")) {
      const fix = `${pip} --no-deps nvidia-tao-pytorch==7.3.0, then what references/platforms.md lists beside it.`;
      return { checks: [halt("executor.environment", `${venv} holds no nvidia_tao_pytorch`, fix)] };
    }
    if (missing.length > 0) {
      const fix = `${pip} the packages that hold them; the wheels of TAO ask for nothing themselves.`;
      return { checks: [halt("executor.environment", `${venv} lacks the modules ${missing.join(", ")}`, fix)] };
    }
    if (torch?.error !== undefined) {
      const fix = "Install the torch that TAO's release is built against; references/platforms.md names it.";
      return { checks: [halt("executor.environment", `torch cannot be imported: ${torch.error}`, fix)] };
    }
    const engine = `NVIDIA TAO Visual ChangeNet ${tao ?? "of an unknown release"} (${venv})`;
    const services = data_services ? `, data services ${data_services}` : "";
    return ok(`TAO ${tao ?? "of an unknown release"}${services}, torch ${torch?.version}`, { found: { engine } });
  },
};
