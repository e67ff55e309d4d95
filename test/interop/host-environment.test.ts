import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { execa } from "execa";
import { lookAtVenv } from "../../server/platforms/host/look.ts";
import { neededModules } from "../../server/platforms/host/probe.ts";
import { folderOfFile } from "../support/folder.ts";

const folder = folderOfFile();
let site = "";
let venv = "";

const torch = `
__version__ = "2.11.0+cu130"
class version: cuda = "13.0"
class _Gpu: name = "NVIDIA H100 80GB HBM3"
class cuda:
    device_count = staticmethod(lambda: 1)
    mem_get_info = staticmethod(lambda at: (80 << 30, 85 << 30))
    get_device_properties = staticmethod(lambda at: _Gpu)
def zeros(n):
    class Tensor:
        def cuda(self): return self
    return Tensor()
`;

/** A real environment of this host's Python, with stand-ins for what no package index could bring in a test. */
beforeAll(async () => {
  venv = join(folder.path, "tao");
  await execa(process.env.PYTHON ?? "python3", ["-m", "venv", "--without-pip", venv]);
  const { stdout } = await execa(join(venv, "bin/python"), [
    "-c",
    "import sysconfig; print(sysconfig.get_path('purelib'))",
  ]);
  site = stdout.trim();
  for (const name of neededModules) await put(`${name}/__init__.py`, name === "torch" ? torch : "");
  await put(
    "nvidia_tao_pytorch-7.3.0.dist-info/METADATA",
    "Metadata-Version: 2.1\nName: nvidia-tao-pytorch\nVersion: 7.3.0\n",
  );
});

async function put(name: string, text: string): Promise<void> {
  await mkdir(join(site, name, ".."), { recursive: true });
  await writeFile(join(site, name), text);
}

const look = () => lookAtVenv(venv, {}, process.env);

describe("a real Python environment", () => {
  it("says its interpreter, packages, torch and GPUs, whatever an import prints", async () => {
    await put("torch/__init__.py", `print("hello from an import")\n${torch}`);
    expect(await look()).toMatchObject({
      python: { version: expect.stringMatching(/^3\.\d+\.\d+$/), executable: join(venv, "bin/python") },
      packages: { tao: "7.3.0", data_services: null, missing: [], neighbors: false },
      torch: { version: "2.11.0+cu130", cuda: "13.0" },
      cuda: { gpus: [{ name: "NVIDIA H100 80GB HBM3", memory_mib: 87_040, free_mib: 81_920 }] },
      operator: { path: null },
    });
    expect((await look()).broken).toBeUndefined();
  });

  it("names the modules that are not there", async () => {
    await rename(join(site, "hydra"), join(folder.path, "hydra"));
    expect((await look()).packages?.missing).toEqual(["hydra"]);
    await rename(join(folder.path, "hydra"), join(site, "hydra"));
  });

  it("hands on why torch, the GPU or the operator cannot be used", async () => {
    await put("torch/__init__.py", 'raise ImportError("libcudart.so.13: cannot open shared object file")');
    expect((await look()).torch?.error).toBe("ImportError: libcudart.so.13: cannot open shared object file");
    await put("torch/__init__.py", torch.replace("lambda: 1", "lambda: exec(\"raise RuntimeError('no driver')\")"));
    expect((await look()).cuda?.error).toBe("RuntimeError: no driver");
    await put("torch/__init__.py", torch);
    const built = "nvidia_tao_pytorch/cv/ops/MultiScaleDeformableAttention.cpython-312.so";
    await put(built, "no library");
    expect((await look()).operator?.error).toMatch(/^ImportError: .*(?:file too short|invalid ELF header)/);
    await rm(join(site, built));
  });

  it("says after what an import brought the interpreter down", async () => {
    await put("torch/__init__.py", "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)");
    expect((await look()).broken).toEqual({
      kind: "crashed",
      after: "packages",
      detail: "the interpreter was ended by SIGSEGV after looking at packages",
    });
    await put("torch/__init__.py", torch);
    await put("mpi4py/__init__.py", "import os\nos._exit(1)");
    expect((await look()).broken).toMatchObject({ after: "mpi" });
    await rm(join(site, "mpi4py"), { recursive: true });
  });
});
