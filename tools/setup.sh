#!/bin/sh
# Puts the pinned libtorch into .venv and links it to .libtorch. Does nothing when it is there already.
set -eu

need() { # tool, what installs it
    command -v "$1" >/dev/null 2>&1 || { echo "setup: $1 is missing; install it with: $2" >&2; exit 1; }
}
need "$CARGO" "the Rust toolchain from rustup (version 1.95 or newer)"
need g++ "sudo apt-get install g++"
need "$PYTHON" "sudo apt-get install python3 python3-venv"

if [ "$DEVICE" = auto ]; then
    DEVICE=cpu
    if command -v nvidia-smi >/dev/null 2>&1 || [ -e /proc/driver/nvidia/version ]; then DEVICE=cuda; fi
fi
stamp=".venv/vovdet-$TORCH-$DEVICE"
if [ -e "$stamp" ] && [ -e .libtorch/lib/libtorch_cpu.so ]; then exit 0; fi

[ -x .venv/bin/pip ] || "$PYTHON" -m venv .venv 2>/dev/null || {
    rm -rf .venv
    echo "setup: python3 cannot make a virtual environment; install it with: sudo apt-get install python3-venv" >&2
    exit 1
}
echo "setup: libtorch $TORCH for $DEVICE (cpu: 0.5 GB to fetch; cuda: 2.5 GB)" >&2
case "$DEVICE" in
    cpu) .venv/bin/pip install --quiet --no-deps "torch==$TORCH" nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85 ;;
    cuda) .venv/bin/pip install --quiet "torch==$TORCH" ;;
    *) echo "setup: DEVICE=$DEVICE is not known; choose auto, cpu or cuda" >&2; exit 1 ;;
esac
torch=$(echo .venv/lib/python3*/site-packages/torch)
[ -e "$torch/lib/libtorch_cpu.so" ] || { echo "setup: $torch holds no libtorch_cpu.so; remove .venv and try again" >&2; exit 1; }
ln -sfn "$torch" .libtorch
touch "$stamp"
