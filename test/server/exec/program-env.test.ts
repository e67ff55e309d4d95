import { expect, it } from "@jest/globals";
import { bareEnv } from "../../../server/exec/program-env.ts";

it("what proves a figure is told nothing that changes what runs", () => {
  const kept = { PATH: "/bin", HOME: "/home/a", TMPDIR: "/tmp", LANG: "C.UTF-8" };
  const told = { NODE_OPTIONS: "--require /x.js", LD_PRELOAD: "/x.so", PYTHONPATH: "/x", LD_LIBRARY_PATH: "/x" };
  const ours = { DEFT_ENGINE_CACHE: "/x", DEFT_ENGINE_MOUNTS: "[]", NODE_PATH: "/x", HF_TOKEN: "secret" };
  expect(bareEnv({ ...kept, ...told, ...ours })).toEqual(kept);
});
