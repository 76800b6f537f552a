# vovdet: `make demo` does everything from nothing; `make test` proves it.
.PHONY: help setup build install demo test check deny parity bench bench-eval

TORCH := 2.11.0
PYTHON ?= python3
CARGO ?= cargo
# Where `make install` puts the programs.
PREFIX ?= $(HOME)/.local
SHARE = $(PREFIX)/share
# auto: CUDA when an NVIDIA driver is there. `make setup DEVICE=cpu` or `DEVICE=cuda` says it outright.
DEVICE ?= auto
# The Python whose torchvision (and, for `make parity`, timm and pycocotools) we are compared with.
PEER ?= python3

help:
	@echo "make setup   libtorch $(TORCH) into .venv (DEVICE=auto|cpu|cuda)"
	@echo "make build   the program: target/release/vovdet"
	@echo "make install  both programs, completions and manual pages below PREFIX ($(PREFIX))"
	@echo "make demo    finds nuclei in the bundled images, pictures in runs/demo"
	@echo "make test    all tests"
	@echo "make check   formatting, lints, documentation"
	@echo "make deny    licences, sources and advisories of the dependencies"
	@echo "make parity  every network beside an independent one (PEER=python with torchvision 0.26, timm, pycocotools)"
	@echo "make bench-eval  COCO evaluation beside hotcoco's Python and pycocotools (PEER=python with both)"
	@echo "make bench   Mask R-CNN beside torchvision's, in one run (PEER=python with torchvision 0.26)"

setup:
	@PYTHON="$(PYTHON)" CARGO="$(CARGO)" TORCH="$(TORCH)" DEVICE="$(DEVICE)" sh tools/setup.sh

build: setup
	$(CARGO) build --release

# The programs look for libtorch where it lay when they were built: keep this folder, or set LD_LIBRARY_PATH.
install: setup
	$(CARGO) install --path . --locked --force --root "$(PREFIX)"
	install -d "$(SHARE)/bash-completion/completions" "$(SHARE)/zsh/site-functions" "$(SHARE)/fish/vendor_completions.d"
	"$(PREFIX)/bin/vovdet" completions bash > "$(SHARE)/bash-completion/completions/vovdet"
	"$(PREFIX)/bin/vovdet" completions zsh > "$(SHARE)/zsh/site-functions/_vovdet"
	"$(PREFIX)/bin/vovdet" completions fish > "$(SHARE)/fish/vendor_completions.d/vovdet.fish"
	"$(PREFIX)/bin/vovdet" man "$(SHARE)/man/man1"

demo: build
	@mkdir -p runs/demo
	@target/release/vovdet detect pretrained/models/images --model nuclei_mask_rcnn_vovnet27_slim --format text --save runs/demo

test: setup
	$(CARGO) test --release --workspace

check: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --release --workspace --no-deps

deny:
	@command -v cargo-deny >/dev/null 2>&1 || { echo "deny: cargo-deny is missing; install it with: cargo install --locked cargo-deny" >&2; exit 1; }
	$(CARGO) deny check

# ONLY='detectron2*' runs a part; `python tests/parity/run.py --list` shows the names.
parity: build
	$(CARGO) build --release --package vovdet-detectors --example gradients
	PYTHONDONTWRITEBYTECODE=1 $(PEER) tests/parity/run.py --program target/release/vovdet $(if $(ONLY),--only $(ONLY))

bench: build
	$(PEER) benches/mask_rcnn_beside_torchvision.py target/release/vovdet

bench-eval: build
	$(PEER) benches/eval_coco.py target/release/vovdet
