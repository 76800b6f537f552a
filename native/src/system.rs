//! The process: which libtorch it runs, whether CUDA can be had, how memory is returned.

use crate::ffi::finish_string;
use std::ffi::{CStr, c_char, c_int};
use std::path::PathBuf;
use std::sync::OnceLock;

unsafe extern "C" {
    fn vovdet_torch_version(out: *mut *mut c_char) -> *mut c_char;
    fn vovdet_cpu_capability(out: *mut *mut c_char) -> *mut c_char;
}

/// Version of the libtorch that this program was compiled against, e.g. `2.11.0`.
pub fn torch_version() -> String {
    let mut out = std::ptr::null_mut();
    // SAFETY: the shim writes a pointer to `out`.
    finish_string(unsafe { vovdet_torch_version(&mut out) }, out)
}

/// The vector instructions that libtorch chose for this CPU: `AVX2`, `AVX512`, ….
pub fn cpu_capability() -> String {
    let mut out = std::ptr::null_mut();
    // SAFETY: the shim writes a pointer to `out`.
    finish_string(unsafe { vovdet_cpu_capability(&mut out) }, out)
}

/// What became of CUDA in this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CudaStatus {
    /// libtorch_cuda is loaded; `tch::Cuda::device_count` tells how many devices answer.
    Loaded,
    /// No NVIDIA driver on this machine, so nothing was tried.
    NoDriver,
    /// There is a driver, and the library did not open: the loader's own words.
    Failed(String),
}

/// Opens `libtorch_cuda` once, so that one binary serves machines with and without a GPU.
///
/// A binary linked in the ordinary way needs only `libtorch_cpu`: the CUDA backend registers itself when its library
/// is opened. Later calls return the first answer.
pub fn load_cuda() -> &'static CudaStatus {
    static STATUS: OnceLock<CudaStatus> = OnceLock::new();
    STATUS.get_or_init(|| {
        let _span = tracing::info_span!("open CUDA").entered();
        let status = match open(c"libcuda.so.1") {
            Err(_) => CudaStatus::NoDriver,
            Ok(()) => match open(c"libtorch_cuda.so") {
                Ok(()) => CudaStatus::Loaded,
                Err(message) => CudaStatus::Failed(message),
            },
        };
        tracing::debug!(?status, "CUDA");
        status
    })
}

fn open(library: &CStr) -> Result<(), String> {
    // SAFETY: dlopen of a NUL-terminated name; the handle is kept open for the life of the process, as a backend must be.
    let handle = unsafe { libc::dlopen(library.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
    if !handle.is_null() {
        return Ok(());
    }
    // SAFETY: dlerror returns null or a string that is valid until the next dl call of this thread; it is copied at once.
    let message = unsafe {
        let text = libc::dlerror();
        if text.is_null() {
            String::from("the loader gave no reason")
        } else {
            CStr::from_ptr(text).to_string_lossy().into_owned()
        }
    };
    Err(message)
}

/// Path of the `libtorch_cpu` that this process really runs, if the loader tells.
pub fn libtorch_path() -> Option<PathBuf> {
    // SAFETY: dladdr only reads the address of a function of ours that lives as long as the process; on success
    // dli_fname is a NUL-terminated string owned by the loader.
    unsafe {
        let symbol = libc::dlsym(libc::RTLD_DEFAULT, c"_ZN2at18get_cpu_capabilityB5cxx11Ev".as_ptr());
        if symbol.is_null() {
            return None;
        }
        let mut info: libc::Dl_info = std::mem::zeroed();
        if libc::dladdr(symbol, &mut info) == 0 || info.dli_fname.is_null() {
            return None;
        }
        Some(PathBuf::from(CStr::from_ptr(info.dli_fname).to_string_lossy().into_owned()))
    }
}

/// Keeps freed activation buffers in the process instead of giving them back to the kernel after every layer.
///
/// glibc maps each large block anew, and faulting its pages in costs as much as a memory-bound layer. Call once,
/// before the first tensor; without glibc this does nothing.
pub fn tune_allocator() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const GIB: c_int = 1 << 30;
        // SAFETY: mallopt only sets parameters of the allocator.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, GIB);
            libc::mallopt(libc::M_TRIM_THRESHOLD, GIB);
        }
    }
}
