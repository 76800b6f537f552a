//! `vovdet doctor`: what the program finds on this machine.

use super::model::set_threads;
use anyhow::Result;
use nvml_wrapper::Nvml;
use serde::Serialize;
use std::fmt::Write;
use vovdet::cli::Outcome;
use vovdet::cli::arguments::cores;
use vovdet::cli::console::Console;
use vovdet::cli::doctor::Doctor;
use vovdet_native::{CudaStatus, cpu_capability, libtorch_path, load_cuda, torch_version};
use vovdet_pretrained::models;

/// CPU features that the fast paths look at, as Linux calls them.
const FEATURES: [&str; 7] = ["avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "amx_fp16"];

#[derive(Debug, Serialize)]
struct Findings {
    version: &'static str,
    libtorch: Libtorch,
    cuda: Cuda,
    cpu: Cpu,
    models: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Libtorch {
    version: String,
    path: Option<String>,
    vector_instructions: String,
}

#[derive(Debug, Serialize)]
struct Cuda {
    available: bool,
    /// Why it is not.
    reason: Option<String>,
    cudnn: bool,
    devices: Vec<Device>,
}

#[derive(Debug, Serialize)]
struct Device {
    name: String,
    memory_bytes: Option<u64>,
    free_bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Cpu {
    model: Option<String>,
    features: Vec<&'static str>,
    cores: usize,
    threads: i32,
}

/// Does what was asked for.
pub fn run(args: &Doctor, console: &Console) -> Result<Outcome> {
    set_threads(args.threads)?;
    let findings = Findings::gather();
    if args.json {
        console.json_line(&findings)?;
    } else {
        console.data(findings.text().trim_end())?;
    }
    Ok(Outcome::All)
}

impl Findings {
    fn gather() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            libtorch: Libtorch {
                version: torch_version(),
                path: libtorch_path().map(|path| path.display().to_string()),
                vector_instructions: cpu_capability(),
            },
            cuda: Cuda::gather(),
            cpu: Cpu::gather(),
            models: models::names().map(String::from).collect(),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |key: &str, value: &str| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{key:<10} {value}");
        };
        line("vovdet", self.version);
        let path = self.libtorch.path.as_deref().unwrap_or("path unknown");
        line("libtorch", &format!("{} ({path}), {}", self.libtorch.version, self.libtorch.vector_instructions));
        let cuda = match &self.cuda.reason {
            None => format!("yes, {}", if self.cuda.cudnn { "with cuDNN" } else { "without cuDNN" }),
            Some(reason) => format!("no: {reason}"),
        };
        line("CUDA", &cuda);
        for (index, device) in self.cuda.devices.iter().enumerate() {
            let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
            let memory = match (device.free_bytes, device.memory_bytes) {
                (Some(free), Some(all)) => format!(", {:.1} of {:.1} GiB free", gib(free), gib(all)),
                _ => String::new(),
            };
            line("", &format!("cuda:{index}: {}{memory}", device.name));
        }
        line("CPU", self.cpu.model.as_deref().unwrap_or("unknown"));
        let features = self.cpu.features.join(" ");
        line("features", if features.is_empty() { "none of those that the fast paths use" } else { &features });
        line("threads", &format!("{} of {} cores", self.cpu.threads, self.cpu.cores));
        line("models", &self.models.join(", "));
        text
    }
}

impl Cuda {
    fn gather() -> Self {
        let reason = match load_cuda() {
            CudaStatus::NoDriver => Some("this machine has no NVIDIA driver".into()),
            CudaStatus::Failed(reason) => Some(format!("libtorch's CUDA part did not open: {reason}")),
            CudaStatus::Loaded if tch::Cuda::device_count() < 1 => Some("the driver shows no device".into()),
            CudaStatus::Loaded => None,
        };
        let available = reason.is_none();
        let devices = if available { devices() } else { Vec::new() };
        Self { available, reason, cudnn: available && tch::Cuda::cudnn_is_available(), devices }
    }
}

/// The devices that libtorch counts, described by NVIDIA's management library where it answers.
fn devices() -> Vec<Device> {
    let nvml = Nvml::init().ok();
    let describe = |index: i64| {
        let device = nvml.as_ref().and_then(|nvml| nvml.device_by_index(u32::try_from(index).ok()?).ok());
        let memory = device.as_ref().and_then(|device| device.memory_info().ok());
        Device {
            name: device.and_then(|device| device.name().ok()).unwrap_or_else(|| "name unknown".into()),
            memory_bytes: memory.as_ref().map(|memory| memory.total),
            free_bytes: memory.map(|memory| memory.free),
        }
    };
    (0..tch::Cuda::device_count()).map(describe).collect()
}

impl Cpu {
    fn gather() -> Self {
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| {
            let line = info.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name))?;
            line.split_once(':').map(|(_, value)| value.trim())
        };
        let flags: Vec<&str> = field("flags").unwrap_or_default().split_whitespace().collect();
        Self {
            model: field("model name").map(String::from),
            features: FEATURES.into_iter().filter(|feature| flags.contains(feature)).collect(),
            cores: cores(),
            threads: tch::get_num_threads(),
        }
    }
}
