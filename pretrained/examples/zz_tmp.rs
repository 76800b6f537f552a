//! tmp
use std::time::Instant;
fn status(k: &str) -> String {
    std::fs::read_to_string("/proc/self/status")
        .unwrap()
        .lines()
        .find(|l| l.starts_with(k))
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .to_string()
}
fn main() {
    for p in std::env::args().skip(1) {
        let t = Instant::now();
        let c = vovdet_pretrained::Checkpoint::open(&p).unwrap();
        let o = t.elapsed();
        let rss = status("VmRSS");
        let hwm = status("VmHWM");
        let t = Instant::now();
        let mut sum = 0u64;
        for i in c.tensors() {
            let b = c.bytes(&i.name).unwrap();
            for x in b.chunks(64) {
                sum = sum.wrapping_add(x[0] as u64);
            }
            drop(b);
            c.release(&i.name);
        }
        let r = t.elapsed();
        println!(
            "{p}: open {o:?} rss {rss} kB hwm {hwm} kB; {} tensors read in {r:?}, hwm {} kB ({sum})",
            c.tensors().len(),
            status("VmHWM")
        );
        let mut best = std::time::Duration::MAX;
        for _ in 0..20 {
            let t = Instant::now();
            vovdet_pretrained::Checkpoint::open(&p).unwrap();
            best = best.min(t.elapsed());
        }
        println!("   best open {best:?}");
    }
}
