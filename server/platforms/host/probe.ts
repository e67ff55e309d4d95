/** What starts a line that the probe says; whatever else an import prints is not ours. */
export const probeMark = "DEFT-PROBE ";

/** Modules that TAO's Visual ChangeNet imports and that no wheel of it asks for. */
export const neededModules = [
  ...["torch", "torchvision", "pytorch_lightning", "torchmetrics", "timm", "transformers", "einops", "safetensors"],
  ...["hydra", "omegaconf", "onnx", "pandas", "numpy", "PIL", "tensorboard", "fvcore", "nvidia_tao_pytorch"],
] as const;

/**
 * Looks at a Python environment from inside, a section a line, each printed before the next begins: an import that
 * brings the interpreter down ends the lines, and says by that where.
 */
export const probeText = `
import glob, importlib.util as util, json, os, sys
from importlib import metadata

def say(section, **facts):
    print(${JSON.stringify(probeMark)} + json.dumps({"section": section, **facts}), flush=True)

def tried(section, look):
    try:
        say(section, **look())
        return True
    except BaseException as error:
        say(section, error=f"{type(error).__name__}: {error}"[:600])
        return False

def there(name):
    try:
        return util.find_spec(name) is not None
    except BaseException:
        return False

def version(name):
    try:
        return metadata.version(name)
    except BaseException:
        return None

def packages():
    return {
        "tao": version("nvidia-tao-pytorch"),
        "data_services": version("nvidia-tao-ds"),
        "missing": [name for name in sys.argv[1:] if not there(name)],
        "neighbors": there("cuml") and there("cudf"),
    }

def torch_facts():
    import torch
    return {"version": torch.__version__, "cuda": torch.version.cuda}

def cuda():
    import torch
    gpus = []
    for at in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(at)
        of = torch.cuda.get_device_properties(at)
        gpus.append({"name": of.name, "memory_mib": total >> 20, "free_mib": free >> 20})
    torch.zeros(1).cuda()
    return {"gpus": gpus}

def operator():
    root = os.path.dirname(util.find_spec("nvidia_tao_pytorch").origin or "") or list(util.find_spec("nvidia_tao_pytorch").submodule_search_locations)[0]
    found = sorted(glob.glob(os.path.join(root, "**", "MultiScaleDeformableAttention*.so"), recursive=True))
    if not found:
        return {"path": None}
    import torch
    util.module_from_spec(util.spec_from_file_location("MultiScaleDeformableAttention", found[0]))
    return {"path": found[0]}

def mpi():
    from mpi4py import MPI
    return {"size": MPI.COMM_WORLD.Get_size()}

say("python", version="%d.%d.%d" % sys.version_info[:3], executable=sys.executable)
tried("packages", packages)
if tried("torch", torch_facts):
    tried("cuda", cuda)
if there("nvidia_tao_pytorch"):
    tried("operator", operator)
# Lightning asks MPI at the start of every training where mpi4py is there, and an MPI that cannot start ends the process.
if there("mpi4py"):
    say("mpi")
    tried("mpi", mpi)
say("end")
`;
