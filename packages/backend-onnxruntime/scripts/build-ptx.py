"""Builds native/*.ptx from native/*.cu with NVRTC, which needs no GPU.

    python3 scripts/build-ptx.py PATH_OF_LIBNVRTC

NVRTC 12.4 writes PTX that drivers of CUDA 12.4 and newer take, for every card from sm_75 on.
"""
import ctypes
import glob
import hashlib
import os
import sys

folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "native")
library = os.path.abspath(sys.argv[1])
for name in sorted(os.listdir(os.path.dirname(library))):
    if "builtins" in name:
        ctypes.CDLL(os.path.join(os.path.dirname(library), name), mode=ctypes.RTLD_GLOBAL)
nvrtc = ctypes.CDLL(library)


def read(path):
    return open(path, "rb").read()


headers = {os.path.basename(path).encode(): read(path) for path in sorted(glob.glob(os.path.join(folder, "*.cuh")))}


def build(path):
    source = read(path)
    program = ctypes.c_void_p()
    texts = (ctypes.c_char_p * len(headers))(*headers.values())
    names = (ctypes.c_char_p * len(headers))(*headers.keys())
    name = os.path.basename(path).encode()
    assert nvrtc.nvrtcCreateProgram(ctypes.byref(program), source, name, len(headers), texts, names) == 0
    options = [b"--gpu-architecture=compute_75", b"--std=c++17"]
    status = nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    size = ctypes.c_size_t()
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    sys.stderr.write(log.value.decode())
    assert status == 0, "the source does not compile"
    nvrtc.nvrtcGetPTXSize(program, ctypes.byref(size))
    ptx = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetPTX(program, ptx)
    digest = hashlib.sha256(source + b"".join(headers.values())).hexdigest()
    with open(path[:-2] + "ptx", "w") as out:
        out.write("// Made by scripts/build-ptx.py from %s and *.cuh, sha256 %s\n" % (name.decode(), digest))
        out.write(ptx.value.decode())


for path in sorted(glob.glob(os.path.join(folder, "*.cu"))):
    build(path)
