//! Mutates checkpoint files and opens what comes out: no input may panic, hang or eat memory.
//!
//! ```text
//! cargo run --release -p vovdet-pretrained --example fuzz -- --inputs 1000000 --seed 1
//! ```
//!
//! The seeds are all files below `tests/fixtures` (or `--corpus DIR`) up to `--max-bytes`. Every
//! mutated input is opened and all its tensors are read, those of a Caffe model also folded. The same arguments give the same inputs;
//! one that fails is saved beside the program's working directory as `fuzz-SEED-NUMBER.bin`.

mod messages;

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use vovdet_pretrained::Checkpoint;

/// The longest one input may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The most memory the whole run may take, in kilobytes.
const MAX_RESIDENT_KB: u64 = 1 << 20;

/// What fields of lengths, offsets and counts are replaced with.
const NUMBERS: [u64; 16] = [
    0,
    1,
    2,
    7,
    8,
    255,
    256,
    0x7FFF,
    0xFFFF,
    0x7FFF_FFFF,
    0xFFFF_FFFF,
    1 << 40,
    (1 << 61) - 1,
    1 << 62,
    i64::MAX as u64,
    u64::MAX,
];

/// Pieces that make sense to some parser.
const PIECES: [&[u8]; 22] = [
    b"(",
    b")R",
    b"t",
    b"}",
    b"]",
    b"u",
    b"s",
    b"Q",
    b"b",
    b"\x81",
    b"2",
    b"h\x00",
    b"h\x01",
    b"q\x05",
    b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"ccollections\nOrderedDict\n)R",
    b"ctorch._utils\n_rebuild_tensor_v2\n",
    b"c_codecs\nencode\nX\x01\x00\x00\x00aX\x06\x00\x00\x00latin1\x86R",
    b"cnumpy.core.multiarray\n_reconstruct\n",
    b"X\x06\x00\x00\x00module",
    b"PK\x05\x06\x00\x00\x00\x00",
    b"S'\\x41\\101'\n",
];

fn main() -> ExitCode {
    let mut options = BTreeMap::new();
    let mut args = std::env::args().skip(1);
    while let (Some(key), Some(value)) = (args.next(), args.next()) {
        options.insert(key, value);
    }
    let number = |key: &str, default| match options.get(key) {
        Some(text) => text.parse().unwrap_or(default),
        None => default,
    };
    let (inputs, seed) = (number("--inputs", 100_000u64), number("--seed", 1u64));
    let max_bytes = number("--max-bytes", 100_000u64);
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let corpus = options.get("--corpus").map_or(fixtures, PathBuf::from);
    let mut seeds = Vec::new();
    collect(&corpus, max_bytes, &mut seeds);
    seeds.sort();
    if seeds.is_empty() {
        eprintln!("no files up to {max_bytes} bytes below {}", corpus.display());
        return ExitCode::from(2);
    }
    let archives: Vec<_> = seeds.iter().filter_map(|bytes| unzip(bytes)).collect();
    let nets: Vec<_> = seeds.iter().filter(|bytes| is_net(bytes)).collect();
    eprintln!("{} seeds, {} of them zip archives, {} Caffe models", seeds.len(), archives.len(), nets.len());

    std::panic::set_hook(Box::new(|_| {}));
    let mut random = Random(seed);
    let (mut accepted, mut tensors, mut slowest, mut failures) = (0u64, 0u64, Duration::ZERO, 0);
    let began = Instant::now();
    for i in 0..inputs {
        // A third of the archives are taken apart, so that their pickles can change in length.
        let bytes = if !archives.is_empty() && random.below(3) == 0 {
            let mut entries = random.pick(&archives).clone();
            let at = if random.below(4) > 0 { 0 } else { random.below(entries.len()) };
            let other = random.pick(&archives)[0].1.clone();
            mutate(&mut entries[at].1, &other, &mut random);
            zip(&entries)
        } else if !nets.is_empty() && random.below(3) == 0 {
            // Inside a message, so that what is around it stays whole.
            let mut net = random.pick(&nets).to_vec();
            let other = random.pick(&nets).to_vec();
            for _ in 0..=random.below(3) {
                let mut inside = |bytes: &mut Vec<u8>, random: &mut Random| mutate(bytes, &other, random);
                net = messages::change(&net, 0, &mut random, &mut inside).unwrap_or(net);
            }
            net
        } else {
            let mut bytes = random.pick(&seeds).clone();
            let other = random.pick(&seeds);
            mutate(&mut bytes, other, &mut random);
            bytes
        };
        let start = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| try_input(bytes.clone())));
        let took = start.elapsed();
        slowest = slowest.max(took);
        let complaint = match outcome {
            Ok(Ok(0)) => None,
            Ok(Ok(n)) => {
                accepted += 1;
                tensors += n;
                None
            }
            Ok(Err(complaint)) => Some(complaint),
            Err(_) => Some("panicked".to_owned()),
        };
        let complaint = complaint.or((took > PATIENCE).then(|| format!("took {took:?}")));
        let resident = if i % 1000 == 0 { peak_kb() } else { 0 };
        let complaint = complaint.or((resident > MAX_RESIDENT_KB).then(|| format!("peak of {resident} kB")));
        if let Some(complaint) = complaint {
            failures += 1;
            let name = format!("fuzz-{seed}-{i}.bin");
            eprintln!("input {i}: {complaint}; saved as {name}");
            if let Err(error) = std::fs::write(&name, &bytes) {
                eprintln!("{name}: {error}");
            }
            if failures > 20 {
                break;
            }
        }
    }
    println!(
        "{inputs} inputs in {:.0} s, seed {seed}: {accepted} readable ({tensors} tensors), \
         {failures} failures, slowest {slowest:.1?}, peak memory {} MB",
        began.elapsed().as_secs_f64(),
        peak_kb() / 1024
    );
    ExitCode::from(u8::from(failures > 0))
}

/// Opens an input and reads all of it; gives the number of tensors, 0 when it is refused.
fn try_input(bytes: Vec<u8>) -> Result<u64, String> {
    let refused = |error: vovdet_pretrained::Error| {
        let sentence = error.to_string();
        let one_line = !sentence.contains('\n') && sentence.len() < 4000;
        if one_line { Ok(0) } else { Err(format!("says {sentence:?}")) }
    };
    let checkpoint = match Checkpoint::from_bytes("input", bytes) {
        Ok(checkpoint) => checkpoint,
        Err(error) => return refused(error),
    };
    let tensors = read_all(&checkpoint)?;
    match checkpoint.folded() {
        Ok(folded) => read_all(&folded)?,
        Err(error) => refused(error)?,
    };
    Ok(tensors)
}

/// Whether a seed is a Caffe model that can be opened.
fn is_net(bytes: &[u8]) -> bool {
    Checkpoint::from_bytes("seed", bytes.to_vec()).is_ok_and(|checkpoint| checkpoint.caffe().is_some())
}

fn read_all(checkpoint: &Checkpoint) -> Result<u64, String> {
    for tensor in checkpoint.tensors() {
        // Data written as text are checked when they are read.
        let Ok(bytes) = checkpoint.bytes(&tensor.name) else { continue };
        if bytes.len() != tensor.byte_len() {
            return Err(format!("{tensor:?} has {} bytes", bytes.len()));
        }
    }
    Ok(checkpoint.tensors().len() as u64)
}

fn collect(folder: &Path, max_bytes: u64, seeds: &mut Vec<Vec<u8>>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let skipped = ["json", "py", "txt", "md"].iter().any(|end| path.extension() == Some(end.as_ref()));
        if path.is_dir() {
            collect(&path, max_bytes, seeds);
        } else if !skipped && entry.metadata().is_ok_and(|m| m.len() <= max_bytes && m.len() > 0) {
            seeds.extend(std::fs::read(&path));
        }
    }
}

/// One to four changes.
fn mutate(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    for _ in 0..=random.below(4) {
        // Headers and pickles are at the ends: half of the changes go to the first or last kilobyte.
        let len = bytes.len();
        let at = match random.below(4) {
            0 => random.below(len.min(1024) + 1),
            1 => len - random.below(len.min(1024) + 1),
            _ => random.below(len + 1),
        };
        match random.below(10) {
            0 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
            1 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = random.next() as u8;
                }
            }
            2 => bytes.truncate(at),
            3 => {
                let end = (at + 1 + random.below(16)).min(len);
                bytes.drain(at..end);
            }
            4 => {
                let n = 1 + random.below(64);
                let end = (at + n).min(len);
                bytes.extend_from_within(at..end);
                bytes[at..].rotate_right(end - at);
            }
            5 | 6 => {
                let n = *random.pick(&NUMBERS);
                let width = *random.pick(&[1, 2, 4, 8]);
                let end = (at + width).min(len);
                bytes[at..end].copy_from_slice(&n.to_le_bytes()[..end - at]);
            }
            7 => {
                let piece = *random.pick(&PIECES);
                bytes.splice(at..at, piece.iter().copied());
            }
            8 => {
                let piece = *random.pick(&PIECES);
                let end = (at + piece.len()).min(len);
                bytes[at..end].copy_from_slice(&piece[..end - at]);
            }
            _ => {
                let from = random.below(other.len() + 1);
                let to = (from + random.below(200)).min(other.len());
                let end = (at + random.below(200)).min(len);
                bytes.splice(at..end, other[from..to].iter().copied());
            }
        }
    }
}

type Entries = Vec<(Vec<u8>, Vec<u8>)>;

/// The entries of a well-formed archive of stored entries, `data.pkl` first.
fn unzip(file: &[u8]) -> Option<Entries> {
    let u16_at = |at: usize| Some(u16::from_le_bytes(*file.get(at..)?.first_chunk()?) as usize);
    let u32_at = |at: usize| Some(u32::from_le_bytes(*file.get(at..)?.first_chunk()?) as usize);
    let end = file.len().checked_sub(22)?;
    if !file[end..].starts_with(b"PK\x05\x06") {
        return None;
    }
    let mut at = u32_at(end + 16)?;
    let mut entries = Entries::new();
    while file.get(at..)?.starts_with(b"PK\x01\x02") {
        let (len, name_len) = (u32_at(at + 24)?, u16_at(at + 28)?);
        let local = u32_at(at + 42)?;
        let start = local + 30 + u16_at(local + 26)? + u16_at(local + 28)?;
        let name = file.get(at + 46..at + 46 + name_len)?.to_vec();
        entries.push((name, file.get(start..start + len)?.to_vec()));
        at += 46 + name_len + u16_at(at + 30)? + u16_at(at + 32)?;
    }
    let pickle = entries.iter().position(|(name, _)| name.ends_with(b"data.pkl"))?;
    entries.swap(0, pickle);
    Some(entries)
}

/// A plain archive of stored entries.
fn zip(entries: &Entries) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        let mut common = [0; 26];
        common[14..18].copy_from_slice(&(content.len() as u32).to_le_bytes());
        common[18..22].copy_from_slice(&(content.len() as u32).to_le_bytes());
        common[22..24].copy_from_slice(&(name.len() as u16).to_le_bytes());
        directory.extend(b"PK\x01\x02\0\0");
        directory.extend(common);
        directory.extend([0; 10]);
        directory.extend((file.len() as u32).to_le_bytes());
        directory.extend(name);
        file.extend(b"PK\x03\x04");
        file.extend(common);
        file.extend(name);
        file.extend(content);
    }
    let start = file.len() as u32;
    file.extend(&directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend((entries.len() as u16).to_le_bytes());
    file.extend((entries.len() as u16).to_le_bytes());
    file.extend((directory.len() as u32).to_le_bytes());
    file.extend(start.to_le_bytes());
    file.extend([0, 0]);
    file
}

/// The most memory this process ever had, in kilobytes (Linux; 0 elsewhere).
fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse().ok()).unwrap_or(0)
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}
