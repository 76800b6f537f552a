//! What is in a checkpoint, which models it fits, and what loading it would leave out.
//!
//! ```sh
//! cargo run --release --example inspect_checkpoint -- vovnet39.pth
//! ```

use anyhow::{Result, bail};
use vovdet_detectors::{LoadOptions, check, identify};
use vovdet_pretrained::Checkpoint;
use vovdet_pretrained::naming::Naming;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path] = &arguments[..] else { bail!("usage: inspect_checkpoint FILE") };
    // Reads the index only, runs nothing of the file. A Caffe file's blobs become PyTorch's tensors.
    let checkpoint = Checkpoint::open(path)?.folded()?;

    println!("{} of {} bytes", checkpoint.format(), checkpoint.file_len());
    for tensor in checkpoint.tensors().iter().take(5) {
        println!("  {} {:?} {}", tensor.name, tensor.shape, tensor.dtype.name());
    }
    let names = checkpoint.tensors().iter().map(|tensor| tensor.name.as_str());
    let naming = Naming::detect(names).map_or("of no known project", Naming::name);
    println!("{} tensors, names: {naming}", checkpoint.tensors().len());

    // Names and shapes of all known models are compared; the likeliest is first.
    println!("fits: {}", identify(&checkpoint).join(", "));
    let (spec, report) = check(None, &checkpoint, &LoadOptions::default())?;
    println!("as {}: {} parameters filled, {} missing", spec.name, report.applied, report.missing.len());
    for (name, reason) in report.ignored.iter().take(3) {
        println!("  left out: {name}: {reason}");
    }
    Ok(())
}
